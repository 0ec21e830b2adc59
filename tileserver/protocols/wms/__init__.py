"""Web Map Service: `service` finds version and operation, a folder per version writes documents."""
