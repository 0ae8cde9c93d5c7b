# How much time is left, told after every job of a run on this machine.

import logging
import time

from differland import progress
from snakemake.logging import get_event, logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent


def expected_needs():
    """What jobs of each rule are expected to take, by the driver that is there now."""
    size = planning.study_size(config, Path(RESULTS, "driver", "driver.nc"))
    each = {rule.name: 1 for rule in workflow.rules}
    shares = planning.shares_of_jobs(each, config, **(HOW_PLANNED | {"size": size}))
    return {share.rule: share.need for share in shares}


class TimeLeft(logging.Handler):
    """Listens to Snakemake's messages on jobs, and says after each how much time is left."""

    run = None

    def emit(self, record):
        try:
            self.follow(record)
        except Exception as error:
            # A run is worth more than its estimate.
            logger.removeHandler(self)
            logger.warning(f"The time left cannot be told any more: {error!r}")

    def begin(self):
        dag = workflow.dag
        self.jobs = {dag.jobid(job): job for job in dag.needrun_jobs()}
        self.run = progress.Run(
            {
                number: progress.Job(job.rule.name, job.threads)
                for number, job in self.jobs.items()
            },
            expected_needs(),
            workflow.cores,
        )

    def follow(self, record):
        event, now = get_event(record), time.monotonic()
        if self.run is None:
            self.begin()
        if event == LogEvent.JOB_STARTED:
            for number in record.jobs:
                self.run.start(number, now)
        elif event == LogEvent.JOB_FINISHED:
            self.run.finish(record.job_id, now)
            if self.jobs[record.job_id].rule.name == "prepare_driver":
                # Until now the study's size was a guess.
                self.run.needs = expected_needs()
        elif event == LogEvent.JOB_ERROR:
            dag = workflow.dag
            lost = dag.bfs(dag.depending, self.jobs[record.jobid])
            self.run.give_up(map(dag.jobid, lost))
        elif event == LogEvent.PROGRESS and (line := self.run.line(now)):
            logger.info(line, extra={"quietness": Quietness.PROGRESS})


onstart:
    # On a cluster, jobs wait for others': see target `status`.
    if workflow.local_exec:
        logger.addHandler(TimeLeft())
