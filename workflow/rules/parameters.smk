# The parameters that ensembles have learnt: maps, how far members agree (Fig. S36-S38), files for use elsewhere.


rule parameters:
    input:
        expand("<results>/figures/{setup}/identifiability.png", setup=COMPARED),
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=REFERENCE,
            figure=["parameter_correlation", *(f"maps/{trait}" for trait in TRAITS)],
        ),
        # A driver that is a file may hold flux towers, which lie on no grid.
        expand(
            "<results>/maps/{setup}/{file}.nc",
            setup=REFERENCE,
            file=[
                "parameter_covariance",
                *(["parameters_grid"] if config["driver"]["source"] != "file" else []),
            ],
        ),
    message:
        "Target {rule}"


rule assess_identifiability:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        table="<results>/analysis/{setup}/identifiability.csv",
        cells="<results>/analysis/{setup}/identifiability.nc",
    params:
        threshold=config["analysis"]["identifiability_threshold"],
    message:
        "Assessing how well the members of {wildcards.setup} agree on each parameter"
    script:
        "../../scripts/assess_identifiability.py"


rule plot_identifiability:
    input:
        table="<results>/analysis/{setup}/identifiability.csv",
    output:
        png=report(
            "<results>/figures/{setup}/identifiability.png",
            caption="../report/identifiability.rst",
            category="08 Parameters",
            subcategory="{setup}",
            labels={
                "figure": "identifiability",
            },
        ),
        pdf="<results>/figures/{setup}/identifiability.pdf",
    message:
        "Drawing the identifiability of the parameters of {wildcards.setup}"
    script:
        "../../scripts/plot_identifiability.py"


rule plot_parameter_maps:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{setup}}/maps/{trait}.png",
                caption="../report/map.rst",
                category="08 Parameters",
                subcategory="{setup}",
                labels={
                    "figure": f"map of {trait}",
                },
            )
            for trait in TRAITS
        ],
        pdf=[f"<results>/figures/{{setup}}/maps/{trait}.pdf" for trait in TRAITS],
    params:
        traits=TRAITS,
    message:
        "Drawing maps of the traits of {wildcards.setup}"
    script:
        "../../scripts/plot_parameter_maps.py"


rule derive_parameter_covariance:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
        driver="<results>/driver/driver.nc",
    output:
        covariance="<results>/maps/{setup}/parameter_covariance.nc",
    params:
        plant_types=POPULATIONS[1:],
        threshold=config["analysis"]["attribution"]["plant_type_threshold"],
        minimum_cells=config["analysis"]["attribution"]["minimum_cells"],
    message:
        "Deriving the covariance of the parameters of {wildcards.setup}"
    script:
        "../../scripts/derive_parameter_covariance.py"


rule plot_parameter_correlation:
    input:
        covariance="<results>/maps/{setup}/parameter_covariance.nc",
        identifiability="<results>/analysis/{setup}/identifiability.csv",
    output:
        png=report(
            "<results>/figures/{setup}/parameter_correlation.png",
            caption="../report/parameter_correlation.rst",
            category="08 Parameters",
            subcategory="{setup}",
            labels={
                "figure": "correlation of parameters",
            },
        ),
        pdf="<results>/figures/{setup}/parameter_correlation.pdf",
    message:
        "Drawing the correlation of the parameters of {wildcards.setup}"
    script:
        "../../scripts/plot_parameter_correlation.py"


rule grid_parameters:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        fields="<results>/maps/{setup}/parameters_grid.nc",
    message:
        "Putting the parameters of {wildcards.setup} onto the grid"
    script:
        "../../scripts/grid_parameters.py"
