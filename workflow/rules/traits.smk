# Axes along which traits vary together (Fig. 3a-d, S27, S28), and how far setups and members agree on them.


rule traits:
    input:
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=COMPARED,
            figure=[
                "components",
                "component_maps",
                # Three axes make a space.
                *(["loadings"] if config["analysis"]["components"] >= 3 else []),
            ],
        ),
        "<results>/figures/component_agreement.png",
    message:
        "Target {rule}"


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
        png=report(
            "<results>/figures/{setup}/components.png",
            caption="../report/components.rst",
            category="04 Trait axes",
            subcategory="{setup}",
            labels={
                "figure": "component loadings",
            },
        ),
        pdf="<results>/figures/{setup}/components.pdf",
    message:
        "Drawing the loadings of the trait components of {wildcards.setup}"
    script:
        "../../scripts/plot_components.py"


rule plot_loadings:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/loadings.png",
            caption="../report/loadings.rst",
            category="04 Trait axes",
            subcategory="{setup}",
            labels={
                "figure": "loadings in space",
            },
        ),
        pdf="<results>/figures/{setup}/loadings.pdf",
    message:
        "Drawing the traits in the space of their components, {wildcards.setup}"
    script:
        "../../scripts/plot_loadings.py"


rule plot_component_maps:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/component_maps.png",
            caption="../report/component_maps.rst",
            category="04 Trait axes",
            subcategory="{setup}",
            labels={
                "figure": "component maps",
            },
        ),
        pdf="<results>/figures/{setup}/component_maps.pdf",
    message:
        "Drawing maps of the trait components of {wildcards.setup}"
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
        "Assessing how far setups and members agree on the axes of traits"
    script:
        "../../scripts/assess_component_agreement.py"


rule plot_component_agreement:
    input:
        table="<results>/analysis/component_agreement.csv",
    output:
        png=report(
            "<results>/figures/component_agreement.png",
            caption="../report/component_agreement.rst",
            category="04 Trait axes",
            labels={
                "figure": "agreement of setups and members",
            },
        ),
        pdf="<results>/figures/component_agreement.pdf",
    message:
        "Drawing how far setups and members agree on the axes of traits"
    script:
        "../../scripts/plot_component_agreement.py"
