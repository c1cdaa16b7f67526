"""Keys and tokens under any order of what may happen. Source: contract, sections 1.7 and 3, D3, D4b, D7, D37."""

from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct
from tests.support.actors import ALICE
from tests.support.engines import Engines
from tests.support.state_machines import Machine, run_machine

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import Admission, NewKey, NewToken
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.limits.model import BULK_V1, TooManyTokens
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import AppError, Conflict, Forbidden, NotFound, Unauthenticated

MOST_KEYS, MOST_TOKENS, TOKENS_WITHIN = 5, 10, timedelta(minutes=30)
TOKEN_LASTS = timedelta(minutes=60)
MOST_BULK, BULK_WITHIN = 10, timedelta(seconds=1)
FEATURES = (Feature.CALL_PERSONALISATION, Feature.NUMBER_MANAGEMENT)
FEATURE_SETS = st.sets(st.sampled_from(FEATURES), min_size=1)


class Key(Struct):
    """A key of the model; `id` and `secret` are those of the pair, which never change."""

    id: KeyId
    secret: str
    features: frozenset[Feature]
    is_live: bool = True


class Token(Struct):
    """A token of the model, and when its bulk requests were let through."""

    text: str
    key: Key
    created_at: datetime
    let_through: list[datetime]


class CredentialsLife(Machine):
    """One account and everything that it had."""

    account: AccountId
    keys: list[Key]
    tokens: list[Token]
    is_suspended: bool

    @initialize()
    def begin(self) -> None:
        self.account = self.run(accounts.create_account(self.deps, "Acme", by=SYSTEM)).id
        self.keys, self.tokens, self.is_suspended = [], [], False

    @property
    def live(self) -> list[Key]:
        return [key for key in self.keys if key.is_live]

    @rule(features=FEATURE_SETS)
    def create_key(self, features: set[Feature]) -> None:
        made = self.attempt(credentials.create_key(self.deps, self.account, by=ALICE, name="key", features=features))
        assert isinstance(made, NewKey) == (len(self.live) < MOST_KEYS)
        if isinstance(made, NewKey):
            self.keys.append(Key(made.key_id, made.api_key, frozenset(features)))
        else:
            assert made is Conflict

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def regenerate_key(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.keys))
        made = self.attempt(credentials.regenerate_key(self.deps, self.account, key.id, by=ALICE))
        if not key.is_live:
            assert made is NotFound
            return
        assert isinstance(made, NewKey)
        key.is_live = False
        self.keys.append(Key(made.key_id, made.api_key, key.features))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def delete_key(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.keys))
        gone = self.attempt(credentials.delete_key(self.deps, self.account, key.id, by=ALICE))
        assert (gone is NotFound) == (not key.is_live)
        key.is_live = False

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), features=FEATURE_SETS)
    def change_features(self, data: st.DataObject, features: set[Feature]) -> None:
        key = data.draw(st.sampled_from(self.keys))
        done = self.attempt(credentials.update_key(self.deps, self.account, key.id, by=ALICE, features=features))
        assert (done is NotFound) == (not key.is_live)
        if key.is_live:
            key.features = frozenset(features)

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), is_right=st.integers(0, 4).map(bool))
    def create_token(self, data: st.DataObject, *, is_right: bool) -> None:
        key = data.draw(st.sampled_from(self.keys))
        secret = key.secret if is_right else str(self.account)
        made = self.attempt(credentials.create_token(self.deps, str(self.account), str(key.id), secret))
        now = self.clock.now()
        recent = [token for token in self.tokens if token.created_at > now - TOKENS_WITHIN]
        if not key.is_live or not is_right:
            assert made is Unauthenticated
        elif self.is_suspended:
            assert made is Forbidden
        elif len(recent) >= MOST_TOKENS:
            assert made is TooManyTokens
        else:
            assert isinstance(made, NewToken)
            assert made.created_at == now
            self.tokens.append(Token(made.token, key, now, []))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), times=st.integers(1, 12))
    def push_in_bulk(self, data: st.DataObject, times: int) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        for _ in range(times):
            now = self.clock.now()
            told = self.expected(token, Feature.CALL_PERSONALISATION)
            answer = self.admitted(token, Feature.CALL_PERSONALISATION, counted=True)
            if told is not None:
                assert answer is told
                continue
            inside = [at for at in token.let_through if at > now - BULK_WITHIN]
            assert isinstance(answer, Admission)
            assert answer.allowance
            assert answer.allowance.granted == (len(inside) < MOST_BULK)
            if answer.allowance.granted:
                token.let_through.append(now)

    @rule(is_suspended=st.booleans())
    def suspend_or_reinstate(self, *, is_suspended: bool) -> None:
        state = AccountState.SUSPENDED if is_suspended else AccountState.ACTIVE
        self.run(accounts.update_account(self.deps, self.account, by=SYSTEM, state=state))
        self.is_suspended = is_suspended

    @rule(pause=st.sampled_from([1, 400, 999, 1_000, 60_000, 1_799_999, 1_800_000, 3_000_000]))
    def wait(self, pause: int) -> None:
        self.clock.advance(timedelta(milliseconds=pause))

    @invariant()
    def a_token_opens_what_its_key_may_do_for_an_hour(self) -> None:
        for token in self.tokens[-6:]:
            for feature in FEATURES:
                told, answer = self.expected(token, feature), self.admitted(token, feature)
                if told is None:
                    assert isinstance(answer, Admission)
                    assert (answer.account_id, answer.key_id) == (self.account, token.key.id)
                else:
                    assert answer is told

    @invariant()
    def the_list_has_the_live_keys(self) -> None:
        listed = self.run(credentials.list_keys(self.deps, self.account))
        assert {(key.id, key.features) for key in listed} == {(key.id, key.features) for key in self.live}

    def expected(self, token: Token, feature: Feature) -> type[AppError] | None:
        """What a request with the token is refused with; None for one that is let in."""
        if not token.key.is_live or self.clock.now() >= token.created_at + TOKEN_LASTS:
            return Unauthenticated
        return Forbidden if self.is_suspended or feature not in token.key.features else None

    def admitted(self, token: Token, feature: Feature, *, counted: bool = False) -> Admission | type[AppError]:
        bucket = BULK_V1 if counted else None
        return self.attempt(credentials.admit(self.deps, token.text, str(self.account), feature=feature, bucket=bucket))


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(CredentialsLife, engines, tmp_path)
