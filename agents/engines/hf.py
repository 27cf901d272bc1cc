"""An engine over a Hugging Face causal language model: concurrent requests are served together.

Axes: R requests, U distinct prompts, T tokens of a prompt, V vocabulary.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from cairn.agents.engine import FinishReason, Generation, SamplingParams


@dataclass(slots=True, kw_only=True)
class _Request:
    """A prompt that waits for, or is given, its continuation."""

    prompt: tuple[int, ...]
    params: SamplingParams
    future: asyncio.Future[Generation] | None = None
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    is_done: bool = False

    def __post_init__(self) -> None:
        self.rng = random.Random(self.params.seed)

    rng: random.Random = field(init=False)

    def take(self, token: int, logprob: float, stop_ids: frozenset[int]) -> None:
        self.ids.append(token)
        self.logprobs.append(logprob)
        self.is_done = token in stop_ids or len(self.ids) == self.params.max_new_tokens


class HFEngine:
    """Samples from a model that may be the learner's own.

    Requests of one turn of the event loop share a batch; those of a `cohort()` wait for each other.

    Attributes:
        model: The language model; the learner may change its weights between requests.
        version: Version of the weights, recorded in each generation.
        max_batch: At most this many distinct prompts run at once.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        stop_ids: Sequence[int],
        version: int = 0,
        max_batch: int = 32,
    ) -> None:
        self.model = model
        self.version = version
        self.max_batch = max_batch
        self._stop_ids = frozenset(stop_ids)
        self._anybody = Cohort(self)
        self._running = asyncio.Lock()

    def cohort(self) -> "Cohort":
        """Return an engine over the same model whose clients proceed in lockstep."""
        return Cohort(self)

    async def generate(self, ids: Sequence[int], params: SamplingParams) -> Generation:
        """Sample a continuation of `ids`, which must not be empty."""
        return await self._anybody.generate(ids, params)

    async def logprobs(self, ids: Sequence[int], *, temperature: float = 1.0) -> list[float]:
        """Return the log-probability of each of `ids[1:]` given the ids before it."""
        return await asyncio.to_thread(self._logprobs, ids, temperature)

    def publish(self, version: int, weights: Mapping[str, Tensor] | None = None) -> None:
        """Serve a new version; `weights` is None when the model is the learner's own."""
        if weights is not None:
            self.model.load_state_dict(dict(weights), strict=False)
        self.version = version

    async def serve(self, batch: Sequence[_Request]) -> None:
        """Give each request its continuation; batches run one after the other."""
        try:
            async with self._running:
                await asyncio.to_thread(self.run, batch)
        except Exception as error:  # noqa: BLE001 - the callers get it, whatever it is
            for request in batch:
                if request.future is not None and not request.future.done():
                    request.future.set_exception(error)
            return
        for request in batch:
            if request.future is not None and not request.future.done():
                request.future.set_result(self._generation(request))

    def _generation(self, request: _Request) -> Generation:
        is_stopped = bool(request.ids) and request.ids[-1] in self._stop_ids
        return Generation(
            ids=tuple(request.ids),
            logprobs=tuple(request.logprobs),
            finish_reason=FinishReason.STOP if is_stopped else FinishReason.LENGTH,
            version=self.version,
        )

    @torch.inference_mode()
    def run(self, batch: Sequence[_Request]) -> None:
        """Sample all continuations; distinct prompts are read once, shortest first."""
        self.model.eval()  # type: ignore[no-untyped-call]
        prompts = sorted({request.prompt for request in batch}, key=lambda ids: (len(ids), ids))
        for start in range(0, len(prompts), self.max_batch):
            chunk = prompts[start : start + self.max_batch]
            members = set(chunk)
            self._run_chunk(chunk, [request for request in batch if request.prompt in members])

    def _run_chunk(self, prompts: Sequence[tuple[int, ...]], requests: list[_Request]) -> None:
        device = self.model.device
        padded = Padded.of(prompts, device=device)
        output = self.model(
            input_ids=padded.ids_RT,
            attention_mask=padded.mask_RT,
            position_ids=positions_of(padded.mask_RT),
            past_key_values=DynamicCache(config=self.model.config),
            use_cache=True,
            logits_to_keep=1,
        )
        row_R = torch.tensor([prompts.index(request.prompt) for request in requests], device=device)
        cache, mask_RT = output.past_key_values, padded.mask_RT[row_R]
        if len(requests) != len(prompts) or row_R.tolist() != list(range(len(prompts))):
            cache.batch_select_indices(row_R)
        logits_RV = output.logits[row_R, -1]
        while True:
            self._sample(logits_RV, requests)
            keep = [row for row, request in enumerate(requests) if not request.is_done]
            if not keep:
                return
            if len(keep) <= len(requests) // 2:
                index = torch.tensor(keep, device=device)
                cache.batch_select_indices(index)
                mask_RT, requests = mask_RT[index], [requests[row] for row in keep]
            last_R1 = torch.tensor([[request.ids[-1]] for request in requests], device=device)
            mask_RT = torch.cat([mask_RT, mask_RT.new_ones(len(requests), 1)], dim=1)
            output = self.model(
                input_ids=last_R1,
                attention_mask=mask_RT,
                position_ids=positions_of(mask_RT)[:, -1:],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            logits_RV = output.logits[:, -1]

    def _sample(self, logits_RV: Tensor, requests: Sequence[_Request]) -> None:
        """Give each unfinished request its next token, by inverting the distribution function."""
        temperature_R = torch.tensor([request.params.temperature for request in requests])
        uniform_R = [0.0 if request.is_done else request.rng.random() for request in requests]
        logits_RV = logits_RV.float().cpu() / temperature_R.clamp(min=1e-4)[:, None]
        logprob_RV = torch.log_softmax(logits_RV, dim=-1)
        cdf_RV = logprob_RV.double().exp().cumsum(dim=-1)
        threshold_R1 = torch.tensor(uniform_R, dtype=torch.float64)[:, None] * cdf_RV[:, -1:]
        token_R = torch.searchsorted(cdf_RV, threshold_R1, right=True).squeeze(1)
        token_R = token_R.clamp(max=logits_RV.shape[1] - 1)
        token_R = torch.where(temperature_R == 0, logits_RV.argmax(dim=-1), token_R)
        chosen_R = logprob_RV.gather(1, token_R[:, None]).squeeze(1)
        rows = zip(requests, token_R.tolist(), chosen_R.tolist(), strict=True)
        for request, token, logprob in rows:
            if not request.is_done:
                request.take(token, logprob, self._stop_ids)

    @torch.inference_mode()
    def _logprobs(self, ids: Sequence[int], temperature: float) -> list[float]:
        self.model.eval()  # type: ignore[no-untyped-call]
        ids_1T = torch.tensor([list(ids)], device=self.model.device)
        logits_TV = self.model(input_ids=ids_1T).logits[0, :-1].float() / temperature
        logprob_TV = torch.log_softmax(logits_TV, dim=-1)
        return logprob_TV.gather(1, ids_1T[0, 1:, None]).squeeze(1).tolist()


class Cohort:
    """Clients of an engine whose requests share a batch, run when all of them wait.

    Which requests share a batch decides the last bits of their log-probs; in a cohort that does
    not depend on timing. While the model works for one cohort, others may act.
    """

    def __init__(self, engine: HFEngine) -> None:
        self._engine = engine
        self._waiting: list[_Request] = []
        self._num_clients = 0
        self._worker: asyncio.Task[None] | None = None

    @contextmanager
    def client(self) -> Iterator[None]:
        """Announce an episode whose next request is to be waited for."""
        self._num_clients += 1
        try:
            yield
        finally:
            self._num_clients -= 1
            self._wake()

    async def generate(self, ids: Sequence[int], params: SamplingParams) -> Generation:
        """Sample a continuation of `ids`, which must not be empty."""
        if not ids:
            raise ValueError("generate: the prompt is empty")
        future: asyncio.Future[Generation] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request(prompt=tuple(ids), params=params, future=future))
        self._wake()
        return await future

    def _wake(self) -> None:
        if self._worker is None and self._waiting:
            self._worker = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await asyncio.sleep(0)  # lets requests of the same loop turn join
            while self._waiting and len(self._waiting) >= self._num_clients:
                # The order of arrival depends on timing; the batch must not.
                batch = sorted(
                    self._waiting, key=lambda request: (request.prompt, request.params.seed)
                )
                self._waiting = []
                await self._engine.serve(batch)
        finally:
            self._worker = None
        if self._waiting and len(self._waiting) >= self._num_clients:
            self._wake()


@dataclass(frozen=True, slots=True, kw_only=True)
class Padded:
    """Rows of token ids, padded on the left to one width.

    Attributes:
        ids_RT: Token ids; 0 where padded.
        mask_RT: 1 where there is a token.
    """

    ids_RT: Tensor
    mask_RT: Tensor

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], *, device: torch.device) -> "Padded":
        """Pad rows to the longest."""
        width = max(map(len, rows))
        return cls(
            ids_RT=torch.tensor(
                [[0] * (width - len(row)) + list(row) for row in rows], device=device
            ),
            mask_RT=torch.tensor(
                [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device
            ),
        )


def positions_of(mask_RT: Tensor) -> Tensor:
    """Return the position of each token among its row's real tokens; padding gets 0."""
    return (mask_RT.cumsum(dim=1) - 1).clamp(min=0)
