"""The proof that nothing is lost: processes that are killed, states that reload, long traffic."""
