"""Runs that were recorded as MCAP: shown or published again, or tracked again and compared."""
