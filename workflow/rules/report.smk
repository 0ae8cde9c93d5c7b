# Pages of the report that are for reading: the summary, and all tables. The report itself: --report (README).


# In the order of the report's categories.
ALL_TABLES = [table for tables in TABLES.values() for table in tables]
ALL_SUMMARISED = {
    figure: said for figures in SUMMARISED.values() for figure, said in figures.items()
}


rule reading:
    input:
        "<results>/report/summary.html",
        "<results>/report/tables.html",


rule present_tables:
    input:
        tables=ALL_TABLES,
    output:
        page=reported("<results>/report/tables.html", "Summary", page="tables"),
    conda:
        "../../envs/report.yaml"
    params:
        names=[table.removeprefix("<results>/") for table in ALL_TABLES],
    message:
        "Writing the page of tables"
    script:
        "../../scripts/present_tables.py"


rule summarise_study:
    input:
        records=[members(stage, setup, ["member.json"]) for stage, setup in TRAINED],
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        metrics="<results>/tables/metrics.csv",
        components=f"<results>/analysis/{REFERENCE}/components.nc",
        tables=ALL_TABLES,
        figures=list(ALL_SUMMARISED),
    output:
        page=reported("<results>/report/summary.html", "Summary", page="summary"),
    conda:
        "../../envs/report.yaml"
    params:
        names=[Path(table).stem for table in ALL_TABLES],
        captions=list(ALL_SUMMARISED.values()),
        compared=COMPARED,
        absent=[part for parts in ABSENT.values() for part in parts],
    message:
        f"Summarising study {config['study']}"
    script:
        "../../scripts/summarise_study.py"
