"""The rules: what a role permits, what a credential is good for, who may grant what, what the audit log keeps."""
