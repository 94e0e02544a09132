"""How fast Lava charges, measured on one database against `pgbench` charging one request at a time."""
