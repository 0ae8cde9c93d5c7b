from differland.analysis.attribution import importance_of_groups
from differland.files import read_netcdf, write_text
from differland.logs import record


def group_importance(shap: str, table: str) -> None:
    """Add up the importance of the predictors of each group."""
    write_text(importance_of_groups(read_netcdf(shap)).to_csv(index=False), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        group_importance(shap=snakemake.input.shap, table=snakemake.output.table)
