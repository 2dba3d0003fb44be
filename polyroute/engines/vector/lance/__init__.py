"""What the LanceDB engine stands on: the folder, snapshots of tables, how a dataset lies in a table, loading and
upkeep.
"""
