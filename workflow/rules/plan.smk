# What a study is going to cost, told before anything is submitted:   snakemake plan


rule plan:
    log:
        "<logs>/plan.log",
    localrule: True
    conda:
        "../../envs/model.yaml"
    params:
        # Jobs are counted by a dry run of this workflow alone, with the Python that runs this one.
        dry_run=[
            *(
                sys.executable,
                "-m",
                "snakemake",
                "--snakefile",
                str(REPOSITORY / "Snakefile"),
            ),
            *("--directory", os.getcwd(), "--dry-run", "--quiet", "rules", "--nolock"),
            *("--rerun-triggers", "mtime", "params", "input", "software-env"),
            *("--configfile", f"{RESULTS}/plan.json"),
        ],
        config_file=f"{RESULTS}/plan.json",
        size=SIZE,
        blocks={name: len(block) for name, block in zip(TRAINING, BLOCKS)},
        setup_blocks={
            name: (kind, len(block))
            for kind, names in SETUP_RULES.items()
            for name, block in zip(names, SETUP_BLOCKS)
        },
        trained_on=TRAINED_ON,
    message:
        f"Planning study {config['study']}"
    script:
        "../../scripts/plan.py"
