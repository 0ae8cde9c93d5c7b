# What a study is going to cost, told before anything is submitted:   snakemake plan
# Where it stands, told at any time, also while it runs:   snakemake status

HOW_PLANNED = {
    "size": SIZE,
    "blocks": {name: len(block) for name, block in zip(TRAINING, BLOCKS)},
    "setup_blocks": {
        name: (kind, len(block))
        for kind, names in SETUP_RULES.items()
        for name, block in zip(names, SETUP_BLOCKS)
    },
    "trained_on": TRAINED_ON,
}


rule plan:
    log:
        "<logs>/plan.log",
    localrule: True
    conda:
        "../../envs/model.yaml"
    params:
        results=RESULTS,
        plan=HOW_PLANNED,
        shown_as=SHOWN_AS,
        dry_run=dry_run(f"{RESULTS}/plan.json"),
        config_file=f"{RESULTS}/plan.json",
    message:
        f"Planning study {config['study']}"
    script:
        "../../scripts/plan.py"


rule status:
    log:
        "<logs>/status.log",
    localrule: True
    conda:
        "../../envs/model.yaml"
    params:
        results=RESULTS,
        wanted=lambda wildcards: {
            "ensembles": TRAINED,
            "seeds": SEEDS,
            "member_files": MEMBER_FILES,
            "files": {
                "evaluations": [
                    f"{RESULTS}/evaluation/{stage}/{setup}/metrics.csv"
                    for stage, setup in TRAINED
                ],
                "figures": [
                    str(file) for file in rules.all.input if file.endswith(".png")
                ],
            },
        },
        cores={"train": config["training"]["threads"]},
        dry_run=dry_run(f"{RESULTS}/status.json"),
        config_file=f"{RESULTS}/status.json",
        plan=HOW_PLANNED,
    message:
        f"Reporting the progress of study {config['study']}"
    script:
        "../../scripts/status.py"
