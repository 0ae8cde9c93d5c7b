"""Command line of the library: ``python -m differland``."""

import argparse
import json
import logging
import sys
from pathlib import Path

from differland.errors import InputError
from differland.files import write_netcdf
from differland.regridding.cf_files import regrid_file
from differland.regridding.grid import regular_grid

PLANET_OPTIONS = {
    "south": "southern edge of the window, degrees (default: 26)",
    "north": "northern edge (default: 66)",
    "west": "western edge (default: 70)",
    "east": "eastern edge (default: 90)",
    "first_year": "first year (default: 2018)",
    "years": "how many years (default: 4)",
    "cells_per_patch": "vegetated cells in each patch of 4 x 5 degrees (default: 16)",
    "sites": "flux towers (default: 60)",
    "seed": "of all random numbers (default: 0)",
    "noise": "of the observations, over their standard deviation (default: 0.1)",
}
"""Attributes of the settings of a planet that the command line may change."""


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

    regrid = commands.add_parser(
        "regrid",
        help="regrid a CF file first-order conservatively",
        description="Regrid all variables of a CF file on a rectilinear grid, first-order "
        "conservatively, to a global grid that is north-up from 180 W.",
    )
    regrid.add_argument("input", type=Path, help="NetCDF file")
    regrid.add_argument("output", type=Path, help="NetCDF file to write")
    regrid.add_argument(
        "--resolution",
        type=float,
        default=0.25,
        metavar="DEG",
        help="height and width of a cell in degrees (default: 0.25, the study's grid)",
    )
    regrid.add_argument(
        "--minimum-coverage",
        type=float,
        default=0.0,
        metavar="F",
        help="share of a cell's area, 0 to 1, that must be observed (default: 0, any)",
    )
    regrid.add_argument(
        "--totals",
        nargs="+",
        default=(),
        metavar="NAME",
        help="variables that hold totals of their cell: summed, not averaged",
    )

    check = commands.add_parser(
        "check",
        help="check the configuration of a study",
        description="Check the configuration that files make over config/config.yaml, as the "
        "workflow does before it plans anything. What is no YAML, such as a line indented with a "
        "tab, is told with its line; Snakemake, which reads such files first, tells none.",
    )
    check.add_argument("files", nargs="+", type=Path, help="YAML files, later over earlier ones")

    planet = commands.add_parser(
        "planet",
        help="write a synthetic planet: raw files in the providers' formats, and its truth",
        description="Write the raw files of a synthetic planet of known parameters, laid out as "
        "the providers ship them (raw/<product>), and these parameters (truth.nc). A folder that "
        "holds this planet already is left as it is.",
        argument_default=argparse.SUPPRESS,
    )
    planet.add_argument("folder", type=Path, help="folder to write")
    for name, meaning in PLANET_OPTIONS.items():
        planet.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=float if name == "noise" else int,
            metavar="N",
            help=meaning,
        )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; bad input is one line on standard error and exit status 2."""
    options = build_parser().parse_args(arguments)
    try:
        if options.command == "regrid":
            _check_output(options.input, options.output)
            regrid_file(
                options.input,
                options.output,
                regular_grid(options.resolution),
                options.minimum_coverage,
                options.totals,
            )
        elif options.command == "check":
            _check(options.files)
        elif options.command == "planet":
            _write_planet(options)
        else:
            _run_model(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _check_output(source: Path, output: Path) -> None:
    """Refuse an output that is one of the inputs, even by another path."""
    if output.exists() and source.exists() and output.samefile(source):
        raise InputError(output, "output", f"another file than the input, {source}", "the same")


def _check(files: list[Path]) -> None:
    # Here, so that other commands do without the settings.
    from differland.configuration import read_configuration, remarks

    study = read_configuration(files)
    for remark in remarks(study):
        print(f"warning: {remark}", file=sys.stderr)
    print(f"{study.study}: the configuration is valid; files that it names were not looked for")


def _write_planet(options: argparse.Namespace) -> None:
    # Here, so that other commands do without the model.
    from differland.synthetic.raw import RawPlanetSettings
    from differland.synthetic.writing import write_planet

    logging.basicConfig(format="%(message)s")
    logging.getLogger("differland").setLevel(logging.INFO)
    changed = {name: value for name, value in vars(options).items() if name in PLANET_OPTIONS}
    write_planet(options.folder, RawPlanetSettings(**changed))


def _run_model(options: argparse.Namespace) -> None:
    # Here, so that what needs no model does without the time and memory of JAX.
    import jax

    from differland import cases

    with jax.enable_x64(options.precision == 64):
        if options.command == "simulate":
            _check_output(options.cases, options.output)
            write_netcdf(cases.simulate_cases(options.cases), options.output)
        else:
            print(json.dumps(cases.loss_of_case(options.case), indent=2))


if __name__ == "__main__":
    sys.exit(main())
