"""Simulated arrivals: what a watcher of the frames can and cannot tell."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.arena.lockstep import READING, SLACK, TICK, Frame, Lockstep


def run(a, b, *, mode="lockstep", until=1e4):
    """Frames with their times, for arrivals ``[(time, text), …, (time, None)]`` of each pane."""
    lock = Lockstep(mode=mode)
    arrivals = sorted([(t, "A", x) for t, x in a] + [(t, "B", x) for t, x in b], key=lambda one: one[0])
    frames, step = [], 0
    while not lock.done:
        now = step * TICK
        assert now < until, "never done"
        while arrivals and arrivals[0][0] <= now:
            _, pane, text = arrivals.pop(0)
            if text is None:
                lock.finished(pane)
            else:
                lock.feed(pane, text)
        frame = lock.release(now)
        if frame:
            frames.append((now, frame))
        step += 1
    return frames


def writer(start, pace, length, letter="x", size=4):
    """A model that writes `length` letters at `pace` letters a second, `size` at a time."""
    times = [(start + i / pace, letter * min(size, length - i)) for i in range(0, length, size)]
    return [*times, (start + length / pace, None)]


def sizes(frames):
    return [(now, len(frame.a), len(frame.b)) for now, frame in frames]


def test_neither_pane_tells_which_side_is_faster():
    fast, slow = writer(0.2, 200, 400), writer(0.9, 30, 400)
    one, other = sizes(run(fast, slow)), sizes(run(slow, fast))
    assert one == other  # equal lengths: the frames are the same, whichever side is faster
    assert all(a == b for _, a, b in one)


def test_unequal_lengths_do_not_tell_which_side_is_faster_either():
    def written(*panes):
        return sizes(run(*(writer(0.2, length / seconds, length) for length, seconds in panes)))

    assert written((600, 1.0), (400, 5.0)) == written((600, 5.0), (400, 1.0))


def test_no_more_than_people_read_while_an_answer_is_written():
    frames = sizes(run(writer(0.0, 300, 3000), writer(0.0, 200, 3000)))
    before = [(now, a) for now, a, _ in frames if now < 15]
    assert sum(a for _, a in before) == pytest.approx(READING * before[-1][0], rel=0.05)


def test_swapping_the_sides_mirrors_the_frames():
    short, long = writer(0.3, 50, 120), writer(0.5, 90, 700)
    one, other = sizes(run(short, long)), sizes(run(long, short))
    assert one == [(now, a, b) for now, b, a in other]


def test_nothing_is_shown_before_both_have_begun():
    frames = run(writer(0.1, 100, 50), writer(3.0, 100, 50))
    assert 3.0 <= frames[0][0] <= 3.0 + 0.3
    assert frames[0][1].a
    assert frames[0][1].b


def test_the_longer_answer_goes_on_at_the_pace_shown_so_far():
    short, long = writer(0.0, 20, 100), writer(0.0, 200, 3000)  # the long one is far ahead when the short one ends
    frames = run(short, long)
    beyond = [(now, len(frame.b)) for now, frame in frames if 5.5 < now < 14.5]
    pace = sum(size for _, size in beyond) / 9.0
    assert pace == pytest.approx(20, rel=0.1)
    assert max(size for _, size in beyond) <= 2


def test_the_end_of_one_answer_is_not_announced():
    frames = run(writer(0.0, 50, 40), writer(0.0, 50, 400))
    assert [frame.done for _, frame in frames] == [False] * (len(frames) - 1) + [True]


def test_an_answer_without_text_is_not_told_from_a_slow_one():
    frames = run([(0.2, None)], writer(0.0, 50, 100))
    assert len(frames) == 1
    assert frames[0][1] == Frame("", "x" * 100, True)
    assert frames[0][0] == pytest.approx(2.0, abs=TICK)


def test_whole_answers_appear_together():
    frames = run(writer(0.2, 100, 300), writer(0.0, 40, 200), mode="whole")
    assert [(frame.a, frame.b, frame.done) for _, frame in frames] == [("x" * 300, "x" * 200, True)]
    assert frames[0][0] == pytest.approx(5.0, abs=TICK)


def test_releases_fall_on_the_grid_however_often_one_asks():
    lock = Lockstep()
    assert lock.release(10.0) is None
    lock.feed("A", "abc")
    lock.feed("B", "abc")
    assert lock.release(10.0 + 0.9 * TICK) is None
    frame = lock.release(10.0 + 1.2 * TICK)
    assert frame == Frame("ab", "ab", False)  # the last character may still go on
    assert lock.both_shown
    lock.feed("A", "def")
    lock.feed("B", "def")
    assert lock.release(10.0 + 1.9 * TICK) is None
    assert lock.release(10.0 + 2.0 * TICK) == Frame("cd", "cd", False)  # as much as is read in one tick


@pytest.mark.parametrize("one", ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "🇰🇷", "❤\ufe0f", "\u1112\u1161\u11ab"])
def test_a_character_is_never_cut(one):
    lock = Lockstep()
    shown = []
    for step, piece in enumerate("x" + one + "y"):
        lock.feed("A", piece)
        lock.feed("B", "abcdefgh")
        frame = lock.release(step * TICK)
        shown.append(frame.a if frame else "")
    lock.finished("A")
    lock.finished("B")
    shown.append(lock.release(1).a)
    assert [part for part in shown if part] == ["x", one, "y"]


def test_an_answer_that_has_ended_takes_no_more_text():
    lock = Lockstep()
    lock.finished("A")
    with pytest.raises(ValueError, match="has ended"):
        lock.feed("A", "more")


ARRIVALS = st.lists(st.tuples(st.floats(0, 0.7), st.text("abc e\u0301👩\u200d🇰\n", max_size=30)), max_size=40)


def schedule(gaps):
    now, out = 0.0, []
    for gap, text in gaps:
        now += gap
        out.append((now, text))
    return [*out, (now + 0.01, None)]


@settings(deadline=None)
@given(ARRIVALS, ARRIVALS)
def test_invariants(a, b):
    a, b = schedule(a), schedule(b)
    frames = run(a, b)
    text = ["".join(x or "" for _, x in side) for side in (a, b)]
    assert "".join(frame.a for _, frame in frames) == text[0]
    assert "".join(frame.b for _, frame in frames) == text[1]
    assert [frame.done for _, frame in frames] == [False] * (len(frames) - 1) + [True]
    end = max(a[-1][0], b[-1][0])
    assert frames[-1][0] <= end + max(TICK, SLACK * end) + 1e-6
    # Swapping the panes swaps the frames and changes nothing else.
    assert run(b, a) == [(now, Frame(frame.b, frame.a, frame.done)) for now, frame in frames]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 30)), min_size=1, max_size=30), st.floats(0.05, 3))
def test_neither_pane_is_ahead_while_both_are_written(gaps, stretch):
    one = schedule([(gap, "x" * size) for gap, size in gaps])
    other = schedule([(gap * stretch, "y" * size) for gap, size in gaps])
    first_end = min(one[-1][0], other[-1][0])
    shown_a = shown_b = 0
    started = 0.0
    for now, frame in run(one, other):
        shown_a, shown_b = shown_a + len(frame.a), shown_b + len(frame.b)
        if now < first_end:
            assert shown_a == shown_b
        have = min(sum(len(x) for t, x in side if x and t <= now) for side in (one, other))
        started = now if not shown_a - len(frame.a) else started
        if now < max(one[-1][0], other[-1][0]):  # the slower one waits for the grid and the limit only
            assert min(shown_a, shown_b) >= min(have - 1, int(READING * (now - started)))
