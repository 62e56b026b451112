"""What this service does: takes facts, answers with figures, takes the daily snapshot, computes everything anew."""
