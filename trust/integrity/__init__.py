"""Nothing lost, doubled or reordered unnoticed: loadkit's accounts beside a full read by another consumer."""
