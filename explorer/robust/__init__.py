"""Parts of the Robustness page: records.py (what was measured), job.py (measuring it), controls.py, previews.py."""
