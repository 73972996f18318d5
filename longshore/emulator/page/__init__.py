"""The page for a browser at '/': what runs, its logs as they come, and a form that invokes."""
