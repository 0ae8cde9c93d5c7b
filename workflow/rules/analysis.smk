# What the ensembles have learnt: shares of explained variance, identifiability, components, attribution.


rule analysis:
    input:
        ["<results>/analysis/partition.csv", "<results>/analysis/partition_cells.nc"]
        if PARTITIONED
        else [],
        expand(
            "<results>/analysis/{setup}/{file}",
            setup=REFERENCE,
            file=["identifiability.csv", "components.nc", "attribution.csv"],
        ),


rule partition_variance:
    input:
        library("analysis/partition.py"),
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=PARTITIONED
        ),
        cells=expand("<results>/evaluation/develop/{setup}/cells.nc", setup=PARTITIONED),
    output:
        table="<results>/analysis/partition.csv",
        cells="<results>/analysis/partition_cells.nc",
    log:
        "<logs>/partition_variance.log",
    benchmark:
        "<benchmarks>/partition_variance.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("partition_variance"),
        runtime=runtime("partition_variance"),
    params:
        setups=PARTITIONED,
        groups=config["analysis"]["groups"],
    message:
        "Partitioning explained variance among predictor groups"
    script:
        "../../scripts/partition_variance.py"


rule assess_identifiability:
    input:
        library("analysis/identifiability.py"),
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        table="<results>/analysis/{setup}/identifiability.csv",
        cells="<results>/analysis/{setup}/identifiability.nc",
    log:
        "<logs>/assess_identifiability/{setup}.log",
    benchmark:
        "<benchmarks>/assess_identifiability/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("assess_identifiability"),
        runtime=runtime("assess_identifiability"),
    params:
        threshold=config["analysis"]["identifiability_threshold"],
    message:
        "Assessing how well the members of {wildcards.setup} agree on each parameter"
    script:
        "../../scripts/assess_identifiability.py"


rule derive_components:
    input:
        library("analysis/traits.py"),
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        components="<results>/analysis/{setup}/components.nc",
    log:
        "<logs>/derive_components/{setup}.log",
    benchmark:
        "<benchmarks>/derive_components/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("derive_components"),
        runtime=runtime("derive_components"),
    params:
        number=config["analysis"]["components"],
    message:
        "Deriving the principal components of the traits of {wildcards.setup}"
    script:
        "../../scripts/derive_components.py"


rule attribute_predictors:
    input:
        members("final", "{setup}"),
        library("analysis/attribution.py", "analysis/shapley.py", "ensemble.py"),
        ensemble="<results>/ensembles/final/{setup}.json",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        components="<results>/analysis/{setup}/components.nc",
    output:
        shap="<results>/analysis/{setup}/attribution.nc",
        table="<results>/analysis/{setup}/attribution.csv",
    log:
        "<logs>/attribute_predictors/{setup}.log",
    benchmark:
        "<benchmarks>/attribute_predictors/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("attribute_predictors"),
        runtime=runtime("attribute_predictors"),
    params:
        members=members_root,
        settings=config["analysis"]["attribution"],
    message:
        "Attributing the traits of {wildcards.setup} to predictors"
    script:
        "../../scripts/attribute_predictors.py"
