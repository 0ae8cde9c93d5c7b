# Sensitivity experiments beside the study (Text S4, S5): stage develop, whose skill on test patches is reported.


EXPERIMENTED = list(dict.fromkeys(name.partition("@")[0] for name in EXPERIMENTS))


rule experiments:
    input:
        part(
            "Experiments",
            when=EXPERIMENTS,
            absent=("sensitivity experiments (Text S4, S5)", "experiments is empty"),
            tables=["<results>/tables/experiments.csv"],
            files=[
                "<results>/figures/experiments/skill.png",
                *expand(
                    "<results>/figures/experiments/{setup}/profiles.png",
                    setup=EXPERIMENTED,
                ),
            ],
        ),


rule compare_experiments:
    input:
        metrics="<results>/tables/metrics.csv",
        sums=expand(
            "<results>/evaluation/develop/{setup}/patches.nc",
            setup=EXPERIMENTED + EXPERIMENTS,
        ),
    output:
        table=reported(
            "<results>/tables/experiments.csv",
            "Experiments",
            caption="experiments_table",
            content="table: skill of experiments",
        ),
    params:
        setups=EXPERIMENTED + EXPERIMENTS,
        bootstrap=config["analysis"]["bootstrap"],
        descriptions={
            name: experiment.get("description", "")
            for name, experiment in config["experiments"].items()
        },
    message:
        "Comparing the skill of experiments with that of the study"
    script:
        "../../scripts/compare_experiments.py"


rule profile_experiments:
    input:
        simulations=expand(
            "<results>/evaluation/develop/{setup}/simulation.nc",
            setup=EXPERIMENTED + EXPERIMENTS,
        ),
    output:
        table="<results>/analysis/experiment_profiles.csv",
    params:
        setups=EXPERIMENTED + EXPERIMENTS,
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Averaging the fluxes of the study and its experiments by latitude"
    script:
        "../../scripts/profile_experiments.py"


rule plot_experiments:
    input:
        table="<results>/tables/experiments.csv",
    output:
        **figure(
            "<results>/figures/experiments/skill",
            "Experiments",
            caption="experiments",
            content="skill of experiments",
        ),
    message:
        "Plotting the skill of experiments"
    script:
        "../../scripts/plot_experiments.py"


rule plot_experiment_profiles:
    input:
        table="<results>/analysis/experiment_profiles.csv",
    output:
        **figure(
            "<results>/figures/experiments/{setup}/profiles",
            "Experiments",
            caption="experiment_profiles",
            content="profiles along latitude, {setup}",
        ),
    message:
        "Plotting latitudinal profiles of experiments with {wildcards.setup}"
    script:
        "../../scripts/plot_experiment_profiles.py"
