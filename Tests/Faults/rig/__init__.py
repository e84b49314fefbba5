"""What a run is made of: processes, the network between them, and the account of what was seen."""
