"""The composer and era classifier: data, model, training, predictions."""
