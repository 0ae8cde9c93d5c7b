# Members, in two stages; the ensembles that are made of the best of them.


rule ensembles:
    input:
        # Named here although the selections imply them: Snakemake makes a deleted file again only if it is
        # asked for, or if what depends on it has to be made anyway.
        [members(stage, setup, MEMBER_FILES) for stage, setup in TRAINED],
        [f"<results>/ensembles/{stage}/{setup}.json" for stage, setup in TRAINED],


# Experiments that simulate or observe something else have training data of their own.
PACKED = {"": packed(config)}
for name in config["experiments"]:
    if packed(setups.of_experiment(config, name)) != PACKED[""]:
        PACKED[f"@{name}"] = packed(setups.of_experiment(config, name))


# What all training jobs share: they map this file into memory instead of each laying out the driver.
rule pack_training_data:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
    output:
        data="<results>/driver/training{experiment}.h5",
    log:
        "<logs>/pack_training_data{experiment}.log",
    benchmark:
        "<benchmarks>/pack_training_data{experiment}.tsv"
    wildcard_constraints:
        experiment=any_of(PACKED),
    priority: 100
    conda:
        "../../envs/model.yaml"
    params:
        model_version=MODEL_VERSION,
        model=lambda wildcards: PACKED[wildcards.experiment]["model"],
        observations=lambda wildcards: PACKED[wildcards.experiment]["observations"],
        equilibrium_mask=lambda wildcards: PACKED[wildcards.experiment][
            "equilibrium_mask"
        ],
    message:
        "Packing forcing, predictors and observations of all patches for training"
    script:
        "../../scripts/pack_training_data.py"


MADE_OF = {
    name: made_of(setups.of_experiment(config, name))
    for name in [None, *config["experiments"]]
}


for name, block in zip(TRAINING, BLOCKS):
    # Jobs of one kind differ in these wildcards.
    job = "/".join(
        [
            "{stage}",
            first_to_last([setup for setup, _ in block]),
            first_to_last([seed for _, seed in block]),
        ]
    )

    rule:
        name:
            name
        input:
            data=lambda wildcards, setup=block[0][0]: training_data(
                setup.format(**wildcards)
            ),
        output:
            [member("{stage}", setup, seed) for setup, seed in block],
        log:
            f"<logs>/train/{job}.log",
        benchmark:
            f"<benchmarks>/train/{job}.tsv"
        conda:
            "../../envs/gpu.yaml"
            if TRAINED_ON == "train_gpu"
            else "../../envs/model.yaml"
        threads: config["training"]["threads"]
        resources:
            **needs(TRAINED_ON, len(block)),
        params:
            checkpoints=f"{RESULTS}/checkpoints",
            model_version=MODEL_VERSION,
            made_of=lambda wildcards, setup=block[0][0]: MADE_OF[
                setups.experiment_of(setup.format(**wildcards))
            ],
        message:
            f"Training {len(block)} member(s): {shown(job)}"
        script:
            "../../scripts/train.py"


for name, block in zip(SETUP_RULES["select_ensemble"], SETUP_BLOCKS):
    job = f"{{stage}}/{first_to_last(block)}"

    rule:
        name:
            name
        input:
            members=[members("{stage}", setup) for setup in block],
        output:
            ensembles=[f"<results>/ensembles/{{stage}}/{setup}.json" for setup in block],
        log:
            f"<logs>/select_ensemble/{job}.log",
        benchmark:
            f"<benchmarks>/select_ensemble/{job}.tsv"
        conda:
            "../../envs/model.yaml"
        resources:
            **needs("select_ensemble", setups=len(block)),
        params:
            size=config["ensemble"]["select"],
            minimum=STUDY.ensemble.fewest,
        message:
            f"Selecting the best members of {len(block)} setup(s): {shown(job)}"
        script:
            "../../scripts/select_ensemble.py"
