# Trained ensembles on drivers that they never saw. Their checks are in driver.smk.


rule applied:
    input:
        expand(
            "<results>/applied/{name}/{setup}/metrics.csv",
            name=config["apply"],
            setup=config["setups"],
        ),


rule apply_ensemble:
    input:
        members("final", "{setup}"),
        ensemble="<results>/ensembles/final/{setup}.json",
        driver="<results>/applied/{name}/driver.nc",
    output:
        metrics="<results>/applied/{name}/{setup}/metrics.csv",
        simulation="<results>/applied/{name}/{setup}/simulation.nc",
    conda:
        "../../envs/model.yaml"
    params:
        members=members_root,
        observed_variables=OBSERVED,
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Applying the ensemble of {wildcards.setup} to driver {wildcards.name}"
    script:
        "../../scripts/apply_ensemble.py"
