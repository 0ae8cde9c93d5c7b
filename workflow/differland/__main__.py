"""Command line of the library: ``python -m differland``."""

import argparse
import json
import sys
from pathlib import Path

import jax

from differland import cases
from differland.errors import InputError
from differland.files import write_netcdf


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m differland", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    simulate = commands.add_parser(
        "simulate", help="run the model on a file of cases and write the trajectories"
    )
    simulate.add_argument("cases", type=Path, help="NetCDF file of parameters and forcing")
    simulate.add_argument("output", type=Path, help="NetCDF file to write")

    loss = commands.add_parser("loss", help="print the weighted loss terms of one patch as JSON")
    loss.add_argument("case", type=Path, help="NetCDF file of model output and observations")

    for command in (simulate, loss):
        command.add_argument(
            "--precision",
            type=int,
            choices=(32, 64),
            default=64,
            help="bits of floating-point numbers (default: 64)",
        )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; bad input is one line on standard error and exit status 2."""
    options = build_parser().parse_args(arguments)
    jax.config.update("jax_enable_x64", options.precision == 64)
    try:
        if options.command == "simulate":
            write_netcdf(cases.simulate_cases(options.cases), options.output)
        else:
            print(json.dumps(cases.loss_of_case(options.case), indent=2))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
