"""What several protocols share on the HTTP side: parameters, addresses, documents, answers."""
