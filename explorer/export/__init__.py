"""Files to take away from a run: pure functions, no Streamlit."""
