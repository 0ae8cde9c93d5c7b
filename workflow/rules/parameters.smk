# The parameters that ensembles have learnt: maps, how far members agree (Fig. S36-S38), files for use elsewhere.


rule parameters:
    input:
        part(
            "Parameters",
            tables=[f"<results>/analysis/{REFERENCE}/identifiability.csv"],
            files=[
                *expand(
                    "<results>/figures/{setup}/identifiability.png", setup=COMPARED
                ),
                f"<results>/figures/{REFERENCE}/parameter_correlation.png",
                *expand(
                    f"<results>/figures/{REFERENCE}/maps/{{trait}}.png", trait=TRAITS
                ),
                f"<results>/maps/{REFERENCE}/parameter_covariance.nc",
            ],
        ),
        # A driver that is a file may hold flux towers, which lie on no grid.
        part(
            "Parameters",
            when=config["driver"]["source"] != "file",
            files=[f"<results>/maps/{REFERENCE}/parameters_grid.nc"],
        ),


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
        **figure(
            "<results>/figures/{setup}/identifiability",
            "Parameters",
            figure="identifiability",
        ),
    message:
        "Plotting the identifiability of the parameters of {wildcards.setup}"
    script:
        "../../scripts/plot_identifiability.py"


rule plot_parameter_maps:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        **figures(
            "<results>/figures/{setup}/maps",
            TRAITS,
            "Parameters",
            caption="map",
            figure="map of {name}",
            called=in_words,
        ),
    params:
        traits=TRAITS,
    message:
        "Mapping the traits of {wildcards.setup}"
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
        **figure(
            "<results>/figures/{setup}/parameter_correlation",
            "Parameters",
            figure="correlation of parameters",
        ),
    message:
        "Plotting the correlation of the parameters of {wildcards.setup}"
    script:
        "../../scripts/plot_parameter_correlation.py"


rule grid_parameters:
    input:
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        fields="<results>/maps/{setup}/parameters_grid.nc",
    message:
        "Writing the parameters of {wildcards.setup} as fields on the grid"
    script:
        "../../scripts/grid_parameters.py"
