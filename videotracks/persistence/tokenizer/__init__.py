"""The video tokenizer: crops of a track to codes and features, trained on crops alone."""
