"""Says that CSV has a header, and answers with what it was given."""

csv_header = True


def load(model_dir):
    return None


def predict(model, data, context):
    return {"columns": context.columns, "rows": data.tolist()}
