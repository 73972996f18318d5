"""As little of Transformers as the scripts in tests/models/scripts use."""


def pipeline(task, model, device=-1):
    def compute(inputs, top_k=1):
        texts = [inputs] if isinstance(inputs, str) else inputs
        return [{"label": task, "score": round(1 / (1 + len(text)), 3), "top_k": top_k} for text in texts]

    return compute
