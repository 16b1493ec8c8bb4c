"""Forecasts of series: from tables, by models and by simple methods, and their scores."""
