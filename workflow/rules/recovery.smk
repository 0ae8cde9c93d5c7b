# True against recovered, for studies of a planet whose parameters are known (`truth` of the configuration).


rule recovery:
    input:
        expand(
            "<results>/analysis/{setup}/{file}",
            setup=REFERENCE,
            file=["recovery.csv", "importance.csv", "component_recovery.csv"],
        )
        if config["truth"]
        else [],
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=REFERENCE,
            figure=[
                "recovery",
                "recovered_traits",
                "importance",
                "recovered_components",
                *(f"recovered_maps/{trait}" for trait in TRAITS),
            ],
        )
        if config["truth"]
        else [],
    message:
        "Target {rule}"


rule compare_parameters:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
        identifiability="<results>/analysis/{setup}/identifiability.csv",
        truth=truth,
    output:
        table=report(
            "<results>/analysis/{setup}/recovery.csv",
            caption="../report/recovery_table.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "table: recovery of parameters",
            },
        ),
        cells="<results>/analysis/{setup}/recovery.nc",
    message:
        "Comparing the parameters of {wildcards.setup} with the truth"
    script:
        "../../scripts/compare_parameters.py"


rule compare_importance:
    input:
        table="<results>/analysis/{setup}/attribution.csv",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        components="<results>/analysis/{setup}/components.nc",
        truth=truth,
    output:
        table=report(
            "<results>/analysis/{setup}/importance.csv",
            caption="../report/importance_table.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "table: importance of predictors",
            },
        ),
    params:
        settings=config["analysis"]["attribution"],
    message:
        "Attributing the true traits to predictors, and comparing {wildcards.setup} with it"
    script:
        "../../scripts/compare_importance.py"


rule compare_components:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        table=report(
            "<results>/analysis/{setup}/component_recovery.csv",
            caption="../report/component_recovery_table.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "table: recovery of trait axes",
            },
        ),
        true="<results>/analysis/{setup}/true_components.nc",
        found="<results>/analysis/{setup}/varying_components.nc",
    params:
        number=config["analysis"]["components"],
    message:
        "Comparing the trait axes of {wildcards.setup} with the true ones"
    script:
        "../../scripts/compare_components.py"


rule plot_recovered_components:
    input:
        table="<results>/analysis/{setup}/component_recovery.csv",
        true="<results>/analysis/{setup}/true_components.nc",
        found="<results>/analysis/{setup}/varying_components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/recovered_components.png",
            caption="../report/recovered_components.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "trait axes",
            },
        ),
        pdf="<results>/figures/{setup}/recovered_components.pdf",
    message:
        "Drawing true and recovered trait axes of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_components.py"


rule plot_recovery:
    input:
        table="<results>/analysis/{setup}/recovery.csv",
    output:
        png=report(
            "<results>/figures/{setup}/recovery.png",
            caption="../report/recovery.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "correlation of all parameters",
            },
        ),
        pdf="<results>/figures/{setup}/recovery.pdf",
    message:
        "Drawing how well {wildcards.setup} recovered each parameter"
    script:
        "../../scripts/plot_recovery.py"


rule plot_recovered_traits:
    input:
        table="<results>/analysis/{setup}/recovery.csv",
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        png=report(
            "<results>/figures/{setup}/recovered_traits.png",
            caption="../report/recovered_traits.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "traits, cell by cell",
            },
        ),
        pdf="<results>/figures/{setup}/recovered_traits.pdf",
    message:
        "Drawing true and recovered traits of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_traits.py"


rule plot_recovered_maps:
    input:
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{setup}}/recovered_maps/{trait}.png",
                caption="../report/recovered_map.rst",
                category="10 Truth",
                subcategory="{setup}",
                labels={
                    "content": f"map of {trait}",
                },
            )
            for trait in TRAITS
        ],
        pdf=[
            f"<results>/figures/{{setup}}/recovered_maps/{trait}.pdf"
            for trait in TRAITS
        ],
    params:
        traits=TRAITS,
    message:
        "Drawing maps of true and recovered traits of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_maps.py"


rule plot_importance:
    input:
        table="<results>/analysis/{setup}/importance.csv",
    output:
        png=report(
            "<results>/figures/{setup}/importance.png",
            caption="../report/importance.rst",
            category="10 Truth",
            subcategory="{setup}",
            labels={
                "content": "importance of predictors",
            },
        ),
        pdf="<results>/figures/{setup}/importance.pdf",
    message:
        "Drawing true and estimated importance of predictors for {wildcards.setup}"
    script:
        "../../scripts/plot_importance.py"
