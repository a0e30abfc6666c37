"""The two constants that the rehearsal's entry sets; the double trains nothing."""

MODEL_CHANNELS = 320
TIME_EMBED_DIM = 1280
