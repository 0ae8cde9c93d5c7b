# True against recovered, for studies of a planet whose parameters are known (`truth` of the configuration).


rule recovery:
    input:
        part(
            "Truth",
            when=config["truth"],
            tables=expand(
                f"<results>/analysis/{REFERENCE}/{{table}}.csv",
                table=["recovery", "importance", "component_recovery"],
            ),
            files=[
                *expand(
                    f"<results>/figures/{REFERENCE}/{{figure}}.png",
                    figure=[
                        "recovery",
                        "recovered_traits",
                        "importance",
                        "recovered_components",
                    ],
                ),
                *expand(
                    f"<results>/figures/{REFERENCE}/recovered_maps/{{trait}}.png",
                    trait=TRAITS,
                ),
            ],
        ),


rule compare_parameters:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
        identifiability="<results>/analysis/{setup}/identifiability.csv",
        truth=truth,
    output:
        table=reported(
            "<results>/analysis/{setup}/recovery.csv",
            "Truth",
            caption="recovery_table",
            content="table: recovery of parameters",
        ),
        cells="<results>/analysis/{setup}/recovery.nc",
    message:
        "Comparing the parameters of {wildcards.setup} with the true ones"
    script:
        "../../scripts/compare_parameters.py"


rule compare_importance:
    input:
        estimated="<results>/analysis/{setup}/attribution.csv",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        components="<results>/analysis/{setup}/components.nc",
        truth=truth,
    output:
        table=reported(
            "<results>/analysis/{setup}/importance.csv",
            "Truth",
            caption="importance_table",
            content="table: importance of predictors",
        ),
    params:
        settings=config["analysis"]["attribution"],
    message:
        "Comparing the importance of predictors in {wildcards.setup} with the true one"
    script:
        "../../scripts/compare_importance.py"


rule compare_components:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        table=reported(
            "<results>/analysis/{setup}/component_recovery.csv",
            "Truth",
            caption="component_recovery_table",
            content="table: recovery of trait axes",
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
        **figure(
            "<results>/figures/{setup}/recovered_components",
            "Truth",
            content="trait axes",
        ),
    message:
        "Plotting true and recovered trait axes of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_components.py"


rule plot_recovery:
    input:
        table="<results>/analysis/{setup}/recovery.csv",
    output:
        **figure(
            "<results>/figures/{setup}/recovery",
            "Truth",
            content="correlation of all parameters",
        ),
    message:
        "Plotting how well {wildcards.setup} recovered each parameter"
    script:
        "../../scripts/plot_recovery.py"


rule plot_recovered_traits:
    input:
        table="<results>/analysis/{setup}/recovery.csv",
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        **figure(
            "<results>/figures/{setup}/recovered_traits",
            "Truth",
            content="traits, cell by cell",
        ),
    message:
        "Plotting true and recovered traits of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_traits.py"


rule plot_recovered_maps:
    input:
        cells="<results>/analysis/{setup}/recovery.nc",
    output:
        **figures(
            "<results>/figures/{setup}/recovered_maps",
            TRAITS,
            "Truth",
            caption="recovered_map",
            content="map of {name}",
            called=in_words,
        ),
    params:
        traits=TRAITS,
    message:
        "Mapping true and recovered traits of {wildcards.setup}"
    script:
        "../../scripts/plot_recovered_maps.py"


rule plot_importance:
    input:
        table="<results>/analysis/{setup}/importance.csv",
    output:
        **figure(
            "<results>/figures/{setup}/importance",
            "Truth",
            content="importance of predictors",
        ),
    message:
        "Plotting true and estimated importance of predictors for {wildcards.setup}"
    script:
        "../../scripts/plot_importance.py"
