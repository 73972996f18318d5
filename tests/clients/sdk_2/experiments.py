"""Run: parameters, metrics and files of an experiment's run, loaded again, listed, and as a table."""

from pathlib import Path

import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments import Run, list_runs, load_run

session = sagemaker.Session(default_bucket="sdk-2-experiments")
names = {"experiment_name": "factors", "sagemaker_session": session}
Path("told.txt").write_text("All told.")
with Run(run_name="first", **names) as run:
    run.log_parameter("factor", 2)
    run.log_metric("loss", 0.5, step=1)
    run.log_metric("loss", 0.25, step=2)
    run.log_file("told.txt", name="told")
with load_run(run_name="first", **names) as again:
    again.log_parameters({"depth": 5})
(listed,) = list_runs(**names)
assert (listed.experiment_name, listed.run_name) == ("factors", "first")
table = ExperimentAnalytics(**names).dataframe()
assert (table["factor"][0], table["depth"][0]) == (2.0, 5.0), table
assert (table["loss - Last"][0], table["loss - Max"][0]) == (0.25, 0.5), table.columns
