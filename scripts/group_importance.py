from differland.analysis.attribution import importance_of_groups
from differland.files import read_netcdf, write_text
from differland_script import run


def group_importance(shap: str, table: str) -> None:
    """Add up the importance of the predictors of each group."""
    write_text(importance_of_groups(read_netcdf(shap)).to_csv(index=False), table)


if __name__ == "__main__":
    run(group_importance, snakemake)
