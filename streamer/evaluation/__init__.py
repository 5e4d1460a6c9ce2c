"""How right a tracker is: region J and boundary F on data sets in DAVIS layout."""
