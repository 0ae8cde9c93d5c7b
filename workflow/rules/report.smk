# Pages of the report that are for reading: the summary, and all tables. The report itself: --report (README).


# Tables by what they are about; those of what the study does not have are left out.
TABLES = {
    "skills": "tables/skills.csv",
    **(
        {
            "skill_differences": "tables/skill_differences.csv",
            "normalised_errors": "tables/normalised_errors.csv",
        }
        if len(COMPARED) > 1
        else {}
    ),
    **(
        {
            "sites": "tables/sites.csv",
            "site_skills": f"analysis/develop/{REFERENCE}/site_skills.csv",
        }
        if TARGETS_AT_TOWERS
        else {}
    ),
    **(
        {"biomass": f"analysis/develop/{REFERENCE}/biomass.csv"}
        if "biomass" in TARGETS
        else {}
    ),
    **(
        {
            "partition": "analysis/partition.csv",
            "partition_summary": "analysis/partition_summary.csv",
        }
        if PARTITIONED
        else {}
    ),
    **(
        {"heterogeneity": "analysis/heterogeneity.csv"}
        if "PFT" in config["analysis"]["groups"]
        else {}
    ),
    "component_agreement": "analysis/component_agreement.csv",
    "attribution": f"analysis/{REFERENCE}/attribution.csv",
    "identifiability": f"analysis/{REFERENCE}/identifiability.csv",
    **(
        {
            "projection": "analysis/projection.csv",
            "climate_models": "analysis/climate_models.csv",
        }
        if rules.projection.input
        else {}
    ),
    **(
        {
            "carbon_cycle": "tables/carbon_cycle.csv",
            "carbon_cycle_trends": "tables/carbon_cycle_trends.csv",
        }
        if rules.carbon_cycle.input
        else {}
    ),
    **({"experiments": "tables/experiments.csv"} if EXPERIMENTS else {}),
    **(
        {
            "recovery": f"analysis/{REFERENCE}/recovery.csv",
            "importance": f"analysis/{REFERENCE}/importance.csv",
            "component_recovery": f"analysis/{REFERENCE}/component_recovery.csv",
        }
        if config["truth"]
        else {}
    ),
    "quality": "driver/quality.csv",
    **(
        {"datasets": "tables/datasets.csv"}
        if config["driver"]["source"] == "raw"
        else {}
    ),
}

# Figures of the summary, with what is said of them.
SUMMARISED = {
    **(
        {
            "figures/normalised_errors.png": "Mean absolute error on held-out patches, relative to plant types alone (Fig. 2a)."
        }
        if len(COMPARED) > 1
        else {}
    ),
    **(
        {
            "figures/partition.png": "Variance that each group of predictors explains (Fig. 2)."
        }
        if PARTITIONED
        else {}
    ),
    f"figures/{REFERENCE}/component_maps.png": "Axes along which traits vary together (Fig. 3b-d).",
    f"figures/{REFERENCE}/attribution/all.png": "Predictors that shape these axes (Fig. 3e-g).",
    **(
        {
            "figures/carbon_cycle/anomalies.png": "Annual anomalies of net biosphere exchange (Fig. S11)."
        }
        if rules.carbon_cycle.input
        else {}
    ),
}


rule reading:
    input:
        "<results>/report/summary.html",
        "<results>/report/tables.html",
    message:
        "Target {rule}"


rule present_tables:
    input:
        [f"<results>/{table}" for table in TABLES.values()],
    output:
        page=report(
            "<results>/report/tables.html",
            caption="../report/tables.rst",
            category="01 Summary",
            labels={"page": "tables"},
        ),
    conda:
        "../../envs/report.yaml"
    params:
        names=list(TABLES.values()),
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
        tables=[f"<results>/{table}" for table in TABLES.values()],
        figures=[f"<results>/{figure}" for figure in SUMMARISED],
    output:
        page=report(
            "<results>/report/summary.html",
            caption="../report/summary.rst",
            category="01 Summary",
            labels={"page": "summary"},
        ),
    conda:
        "../../envs/report.yaml"
    params:
        tables=list(TABLES),
        captions=list(SUMMARISED.values()),
        compared=COMPARED,
    message:
        f"Summarising study {config['study']}"
    script:
        "../../scripts/summarise_study.py"
