"""Words by which labs call what happens in a trial, and how likely each is what a fit wants.

Names only break ties: what a column may be is judged from its values first (``roles``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# events, the best to align with first: when the animal was let go, when it moved, what it saw, what it chose and got
EVENTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("go cue", _set("go gocue imperative")),
    ("cue", _set("cue")),
    ("movement", _set("move moves movement mvt reach grasp press pull push saccade motor lever turn step run")),
    (
        "stimulus",
        _set(
            "stim stimulus target tgt targ sample presentation picture image video movie tone sound odor odour pole"
            " grating gabor flash visual auditory whisker texture probe encoding coherence change bump light screen"
        ),
    ),
    ("response", _set("choice response lick touch contact poke nosepoke button joystick joy release decision answer")),
    ("preparation", _set("delay ready set maintenance fixation fix hold presample baseline")),
    ("reward", _set("reward feedback outcome water juice pellet valve punishment airpuff")),
)
# an end of something says less than its beginning
ENDS = _set("end ends off offset stop stops out finish")
TIME = _set("time times timing timestamp onset offset start begin begins at")
DURATION = _set("rt reaction duration latency length interval isi iti elapsed period produced")
CONDITION = _set(
    "type condition cond target tgt instruction direction dir stimulus stim cue side angle orientation"
    " location loc contrast odor object obj maze sequence seq rule trajectory context left right coherence"
    " frequency image landmark well port tone category class identity load loads probability modality difficulty"
    " shape color colour task goal arm"
)
# what varies, but is seldom what a trial was about
ASIDE = _set(
    "early discard proto prototype novel version catch premature size present is curr current photostim"
    " photostimulation laser opto trials barriers feedback reward rewarded volume auto outlier rep"
)
ANGLE = _set("angle direction dir orientation theta heading phase azimuth deg rad")
EPOCH = _set("epoch epochs block blocks phase stage session day")
OUTCOME = _set("outcome result success succ correct performance accuracy rewarded hit")
# how the name of a flag for one outcome begins ("HitL", "NoLickR"), letters only
OUTCOME_PART = r"(is)?(hit|err|miss|nolick|noresponse|ignore|falsealarm|incorrect|abort|(fa|cr)[lr]?$)"
OUTCOME_VALUES = frozenset(
    {"hit", "miss", "correct", "incorrect", "error", "ignore", "success", "failure", "fail", "abort", "aborted"}
    | {"no response", "false alarm", "correct rejection", "rewarded", "unrewarded", "timeout", "no choice"}
)
SUCCESS_VALUES = ("success", "hit", "correct", "rewarded", "reward", "true", "1", "r", "s", "c")
VALIDITY = _set("good valid invalid unusable validtrials usable bad discard exclude excluded include included clean")
INVALID = _set("invalid unusable bad discard exclude excluded artifact")
COUNTER = _set("attempt attempts repeat repeats numrepeat count counter index number")
SPLIT = _set("split fold partition subset")
SPLIT_VALUES = _set("train val validation test none held-in held-out training")


def words(text: str) -> set[str]:
    """Words of a name or a sentence, in lower case.

    Example:
        >>> sorted(words("goCue_time2"))
        ['cue', 'go', 'time']
    """
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)}


def mentions(found: set[str], wanted: Iterable[str]) -> bool:
    """Whether one of the words is there, alone or as the beginning of a longer one ('gocuettl', 'validtrials').

    Example:
        >>> mentions({"gocuettl"}, {"gocue"}), mentions({"goal"}, {"go"})
        (True, False)
    """
    return any(word in found or (len(word) >= 4 and any(other.startswith(word) for other in found)) for word in wanted)


def event_kind(name: str, description: str) -> tuple[int, str]:
    """How good an event is to align with (0 is best), and what it seems to be; its name says more than its description.

    Example:
        >>> event_kind("move_onset_time", ""), event_kind("x", "end of the picture")
        ((2, 'movement'), (10, 'stimulus'))
    """
    for text in (name, description):
        found = words(text)
        for rank, (kind, wanted) in enumerate(EVENTS):
            if mentions(found, wanted):
                return rank + (len(EVENTS) if mentions(found, ENDS) else 0), kind
    return 2 * len(EVENTS), ""
