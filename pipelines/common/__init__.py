"""How pipelines run, here or on a Kubeflow endpoint: knows no domain."""
