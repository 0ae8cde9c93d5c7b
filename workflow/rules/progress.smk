# What a run tells: jobs that are done, and on this machine how much time is left; of a dry run, one table.

import logging
import time

from differland import pace, progress, targets
from snakemake.logging import get_event
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent


def expected_needs(rules):
    """What jobs of each of these rules are expected to take, by the driver and the benchmarks that are there now."""
    size = planning.study_size(STUDY, Path(RESULTS, "driver", "driver.nc"))
    how = HOW_PLANNED | {"size": size}
    blocks = [*HOW_PLANNED["blocks"], *HOW_PLANNED["setup_blocks"]]
    each = {
        name: 1
        for name in [*planning.read_costs(), *blocks]
        if shown_name(name) in rules
    }
    shares = pace.at_pace(
        planning.shares_of_jobs(each, STUDY, **how),
        pace.pace_of_study(Path(RESULTS), STUDY, **how),
    )
    return {shown_name(share.rule): share.need for share in shares}


class TimeLeft(logging.Handler):
    """Listens to Snakemake's messages on jobs, and says after each how much time is left."""

    run = None

    def __init__(self):
        super().__init__()
        self.name = type(self).__name__

    def emit(self, record):
        try:
            self.follow(record)
        except Exception as error:
            # A run is worth more than its estimate.
            logger.removeHandler(self)
            logger.warning(f"The time left cannot be told any more: {error!r}")

    def begin(self):
        if workflow.dryrun or not workflow.local_exec:
            # On a cluster, jobs wait for others': see target `status`.
            logger.removeHandler(self)
            return
        dag = workflow.dag
        self.jobs = {dag.jobid(job): job for job in dag.needrun_jobs()}
        self.run = progress.Run(
            {
                number: progress.Job(job.rule.name, job.threads)
                for number, job in self.jobs.items()
            },
            self.needs(),
            workflow.cores,
        )

    def needs(self):
        return expected_needs({job.rule.name for job in self.jobs.values()})

    def follow(self, record):
        event, now = get_event(record), time.monotonic()
        if event == LogEvent.JOB_STARTED and self.run is None:
            self.begin()
        if self.run is None:
            return
        if event == LogEvent.JOB_STARTED:
            for number in record.jobs:
                self.run.start(number, now)
        elif event == LogEvent.JOB_FINISHED:
            self.run.finish(record.job_id, now)
            if self.jobs[record.job_id].rule.name == shown_name("prepare_driver"):
                # Until now the study's size was a guess.
                self.run.needs = self.needs()
        elif event == LogEvent.JOB_ERROR:
            dag = workflow.dag
            lost = dag.bfs(dag.depending, self.jobs[record.jobid])
            self.run.give_up(map(dag.jobid, lost))
        elif event == LogEvent.PROGRESS and (line := self.run.line(now)):
            logger.info(line, extra={"quietness": Quietness.PROGRESS})


class Concise(logging.Filter):
    """Counts the jobs that are run; of a dry run that does not list its jobs (--quiet rules), leaves one table of them.

    Snakemake counts all jobs that there are, also those that --until leaves out. It tells the table twice, and reasons that
    refer to the list. Options of the command line replace those of profiles, so that `--quiet rules` brings back the banner
    that the default profile leaves out.
    """

    tables = 0

    def filter(self, record):
        if get_event(record) == LogEvent.PROGRESS:
            jobs = workflow.dag.needrun_jobs(exclude_finished=False)
            record.total = len(list(jobs))
        if Quietness.RULES not in (workflow.output_settings.quiet or ()):
            return True
        if getattr(record, "quietness", None) == Quietness.HOST:
            return False
        if not workflow.dryrun:
            return True
        if get_event(record) == LogEvent.RUN_INFO:
            self.tables += 1
            return self.tables == 1
        return not str(record.msg).startswith(("Reasons:", "This was a dry-run"))


class Nearby(logging.Filter):
    """Adds what may be meant to Snakemake's message on a target that no rule makes."""

    def filter(self, record):
        if getattr(record, "exception", None) == "MissingRuleException":
            files = [str(file) for file in rules.all.input]
            names = [rule.name for rule in workflow.rules]
            told = targets.hint(record.getMessage(), config, files, names, is_made)
            record.msg = "\n".join(filter(None, [record.getMessage(), told]))
            record.args = ()
        return True


# Not by `onstart`, which Snakemake leaves out in a workflow that another one has as a module. If it has this one twice, the
# first tells.
if workflow.exec_mode == ExecMode.DEFAULT and not any(
    handler.name == TimeLeft.__name__ for handler in logger.handlers
):
    logger.addHandler(TimeLeft())
    logger.addFilter(Concise())
    logger.addFilter(Nearby())
