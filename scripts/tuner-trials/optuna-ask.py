"""Reads {"space": {name: [values]}, "trials": [{"params": {}, "value": 0}]} and prints the setting that Optuna tries next."""

import json
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
asked = json.load(sys.stdin)
distributions = {
    name: optuna.distributions.CategoricalDistribution(values) for name, values in asked["space"].items()
}
sampler = optuna.samplers.TPESampler(seed=asked["seed"] + len(asked["trials"]))
study = optuna.create_study(direction="maximize", sampler=sampler)
for done in asked["trials"]:
    study.add_trial(
        optuna.trial.create_trial(params=done["params"], distributions=distributions, value=done["value"])
    )
trial = study.ask(distributions)
print(json.dumps({"params": trial.params, "version": optuna.__version__}))
