"""The settings of answers: language models, conversations, embeddings; read by `config` alone."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class AnswerSettings(BaseSettings):
    """A part of the settings, in a file of its own for its length."""

    # --- answers
    answer_passages: int = Field(
        30, ge=1, description="Passages that an answer is searched for in, best first."
    )
    answer_citations: int = Field(3, ge=1, description="Sources that an extractive answer cites.")
    answer_words: int = Field(120, ge=1, description="Words of an extractive answer.")
    context_tokens: int = Field(
        3_000, ge=1, description="Tokens of the passages that a language model answers from."
    )
    min_evidence: float = Field(
        0.5,
        ge=0,
        le=1,
        description='Evidence below which the answer is "not found in the documents"; 0 always'
        " answers.",
    )
    sentence_cache_size: int = Field(
        5_000, ge=0, description="Encoded sentences kept in memory by a web process for answers."
    )
    max_citations: int = Field(20, ge=1, description="Largest max_citations of a request.")
    max_answer_words: int = Field(1_000, ge=1, description="Largest max_words of a request.")
    max_context_tokens: int = Field(
        100_000, ge=1, description="Largest context_tokens of a request."
    )
    max_answer_collections: int = Field(
        20, ge=1, description="Collections that one answer is searched for in."
    )

    # --- language models
    llm_base_url: str = Field(
        "",
        description="OpenAI-compatible endpoint that puts answers into words, such as"
        " https://api.openai.com/v1; empty: answers are sentences of the documents, unless a"
        " workspace names an endpoint of its own.",
    )
    llm_name: str = Field("", description="How that endpoint calls its language model.")
    llm_api_key: SecretStr = Field(
        SecretStr(""), description="Key of that endpoint; sent to no other."
    )
    llm_temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Temperature that is asked for; null leaves it to the endpoint.",
    )
    llm_max_tokens: int = Field(1_000, ge=1, description="Tokens of one generated answer.")
    llm_connect_s: float = Field(10, gt=0, description="Longest wait for a connection, seconds.")
    llm_silence_s: float = Field(
        60, gt=0, description="Longest silence of an endpoint before or amid an answer, seconds."
    )
    llm_total_s: float = Field(180, gt=0, description="Longest call of an endpoint, seconds.")
    llm_attempts: int = Field(
        3, ge=1, le=10, description="Attempts of a call that was refused as too many or broke."
    )
    llm_retry_base_s: float = Field(
        0.5, gt=0, description="First wait before a call is repeated; doubles each time."
    )
    llm_calls: int = Field(
        0,
        ge=0,
        description="Calls of endpoints that one web process makes at once; more get 429 with"
        " Retry-After, streams an error event. 0 means half of its threads.",
    )
    max_answer_chars: int = Field(
        50_000, ge=1, description="Characters of a generated answer; a longer one is refused."
    )

    stream_beat_s: float = Field(
        15,
        gt=0,
        description="Seconds without a word of the language model after which a stream gets a"
        " comment line, so that proxies in front keep it open.",
    )

    # --- conversations
    conversation_days: int = Field(
        30, ge=1, description="Days that a conversation is kept after its last answer."
    )
    max_conversation_turns: int = Field(
        200, ge=1, description="Questions in one conversation; then a new one has to be begun."
    )
    history_turns: int = Field(
        6, ge=0, description="Earlier questions with answers that a follow-up is read with."
    )
    history_chars: int = Field(
        8_000, ge=0, description="Characters of them, the latest first; longer ones are cut."
    )

    # --- OpenAI's protocol
    max_chat_messages: int = Field(
        1_000, ge=1, description="Messages in one request for a chat completion."
    )
    max_embedding_texts: int = Field(
        2_048, ge=1, description="Texts in one request for embeddings."
    )
    max_embedding_chars: int = Field(
        2_000_000, ge=1, description="Characters of all texts in one request for embeddings."
    )
