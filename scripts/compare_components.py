from differland.analysis.agreement import of_varying_traits, true_components, truth_agreement
from differland.analysis.traits import principal_components
from differland.files import read_netcdf, write_netcdf, write_text
from differland.tables import TRAITS
from differland_script import run


def compare_components(
    parameters: str, cells: str, number: int, table: str, true: str, found: str
) -> None:
    """Compare the trait axes of an ensemble and its members with the true ones."""
    truth = true_components(read_netcdf(cells), number)
    ensemble = read_netcdf(parameters, names=TRAITS)
    write_text(truth_agreement(truth, ensemble).to_csv(index=False), table)
    write_netcdf(truth, true)
    write_netcdf(principal_components(of_varying_traits(truth, ensemble), number), found)


if __name__ == "__main__":
    run(compare_components, snakemake)
