# Axes along which traits vary together (Fig. 3a-d, S27, S28), and how far setups and members agree on them.


rule traits:
    input:
        part(
            "Trait axes",
            tables=["<results>/analysis/component_agreement.csv"],
            summarised={
                f"<results>/figures/{REFERENCE}/component_maps.png": "Axes along which traits vary together (Fig. 3b-d)."
            },
            files=[
                *expand(
                    "<results>/figures/{setup}/{figure}.png",
                    setup=COMPARED,
                    figure=["components", "component_maps"],
                ),
                "<results>/figures/component_agreement.png",
            ],
        ),
        part(
            "Trait axes",
            when=config["analysis"]["components"] >= 3,
            absent=(
                "traits in the space of three axes (Fig. 3a)",
                "analysis.components is below 3",
            ),
            files=expand("<results>/figures/{setup}/loadings.png", setup=COMPARED),
        ),


rule derive_components:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        components="<results>/analysis/{setup}/components.nc",
    params:
        number=config["analysis"]["components"],
    message:
        "Deriving the principal components of the traits of {wildcards.setup}"
    script:
        "../../scripts/derive_components.py"


rule plot_components:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        **figure(
            "<results>/figures/{setup}/components",
            "Trait axes",
            figure="component loadings",
        ),
    message:
        "Plotting the loadings of the trait axes of {wildcards.setup}"
    script:
        "../../scripts/plot_components.py"


rule plot_loadings:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        **figure(
            "<results>/figures/{setup}/loadings",
            "Trait axes",
            figure="loadings in space",
        ),
    message:
        "Plotting the traits of {wildcards.setup} in the space of three axes"
    script:
        "../../scripts/plot_loadings.py"


rule plot_component_maps:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        **figure(
            "<results>/figures/{setup}/component_maps",
            "Trait axes",
            figure="component maps",
        ),
    message:
        "Mapping the trait axes of {wildcards.setup}"
    script:
        "../../scripts/plot_component_maps.py"


rule assess_component_agreement:
    input:
        components=expand("<results>/analysis/{setup}/components.nc", setup=COMPARED),
        parameters=expand("<results>/maps/{setup}/parameters.nc", setup=COMPARED),
    output:
        table="<results>/analysis/component_agreement.csv",
    params:
        setups=COMPARED,
    message:
        "Assessing how far setups and members agree on trait axes"
    script:
        "../../scripts/assess_component_agreement.py"


rule plot_component_agreement:
    input:
        table="<results>/analysis/component_agreement.csv",
    output:
        **figure(
            "<results>/figures/component_agreement",
            "Trait axes",
            figure="agreement of setups and members",
        ),
    message:
        "Plotting how far setups and members agree on trait axes"
    script:
        "../../scripts/plot_component_agreement.py"
