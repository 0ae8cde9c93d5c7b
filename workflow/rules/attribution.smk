# Which predictors shape traits and their axes, by Kernel SHAP (Fig. 3e-g, Fig. 4, Fig. S26).

# Shares of groups say something where there are several.
OF_GROUPS = [setup for setup in COMPARED if len(setups.groups(setup)) > 1]
TRACED = list(
    dict.fromkeys(
        setup for setup in [ENVIRONMENT, REFERENCE] if setup in config["setups"]
    )
)


rule attribution:
    input:
        part(
            "Attribution",
            tables=[f"<results>/analysis/{REFERENCE}/attribution.csv"],
            summarised={
                f"<results>/figures/{REFERENCE}/attribution/all.png": "Predictors that shape these axes (Fig. 3e-g)."
            },
            files=[
                *expand(
                    "<results>/figures/{setup}/attribution/{population}.png",
                    setup=COMPARED,
                    population=POPULATIONS,
                ),
                *expand(
                    "<results>/figures/{setup}/group_importance.png", setup=OF_GROUPS
                ),
                "<results>/figures/dependence.png",
            ],
        ),


rule attribute_predictors:
    input:
        members("final", "{setup}"),
        ensemble="<results>/ensembles/final/{setup}.json",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        components="<results>/analysis/{setup}/components.nc",
    output:
        shap="<results>/analysis/{setup}/attribution.nc",
        table="<results>/analysis/{setup}/attribution.csv",
    params:
        members=members_root,
        settings=config["analysis"]["attribution"],
    message:
        "Attributing the traits of {wildcards.setup} to predictors by Kernel SHAP"
    script:
        "../../scripts/attribute_predictors.py"


rule group_importance:
    input:
        shap="<results>/analysis/{setup}/attribution.nc",
    output:
        table=reported(
            "<results>/analysis/{setup}/group_importance.csv",
            "Attribution",
            caption="group_importance_table",
            content="table of predictor groups",
        ),
    message:
        "Summing the importance of the predictors of each group for {wildcards.setup}"
    script:
        "../../scripts/group_importance.py"


rule trace_dependence:
    input:
        shap=expand("<results>/analysis/{setup}/attribution.nc", setup=TRACED),
    output:
        table=reported(
            "<results>/analysis/dependence.csv",
            "Attribution",
            caption="dependence_table",
            subcategory="Plant types and environment",
            content="table of trait-environment curves",
        ),
    params:
        setups=TRACED,
        aware=REFERENCE,
    message:
        "Deriving the dependence of traits on temperature, precipitation and canopy height"
    script:
        "../../scripts/trace_dependence.py"


rule plot_attribution:
    input:
        table="<results>/analysis/{setup}/attribution.csv",
    output:
        **figures(
            "<results>/figures/{setup}/attribution",
            POPULATIONS,
            "Attribution",
            caption="attribution",
            called=in_words,
            content="predictors, {name}",
        ),
    params:
        populations=POPULATIONS,
    message:
        "Plotting the importance of predictors for the trait axes of {wildcards.setup}"
    script:
        "../../scripts/plot_attribution.py"


rule plot_group_importance:
    input:
        table="<results>/analysis/{setup}/group_importance.csv",
    output:
        **figure(
            "<results>/figures/{setup}/group_importance",
            "Attribution",
            content="predictor groups",
        ),
    message:
        "Plotting the importance of predictor groups for the traits of {wildcards.setup}"
    script:
        "../../scripts/plot_group_importance.py"


rule plot_dependence:
    input:
        table="<results>/analysis/dependence.csv",
    output:
        **figure(
            "<results>/figures/dependence",
            "Attribution",
            subcategory="Plant types and environment",
            content="trait-environment curves",
        ),
    params:
        predictors={
            setup: configuration.predictors_of(STUDY, setup) for setup in TRACED
        },
        aware=REFERENCE,
    message:
        "Plotting the dependence of traits on temperature, precipitation and canopy height"
    script:
        "../../scripts/plot_dependence.py"
