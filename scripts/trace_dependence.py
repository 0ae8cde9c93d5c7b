from differland.analysis.dependence import trait_dependence
from differland.files import read_netcdf, write_text
from differland_script import run


def trace_dependence(shap: list[str], setups: list[str], aware: str, table: str) -> None:
    """Trace four traits along temperature, precipitation and canopy height."""
    explanations = {setup: read_netcdf(path) for setup, path in zip(setups, shap, strict=True)}
    write_text(trait_dependence(explanations, aware).to_csv(index=False), table)


if __name__ == "__main__":
    run(trace_dependence, snakemake)
