import numpy as np

from ltr.simulations.session_clock import session_course


def test_the_course_of_a_session_is_rest_trial_return_rest():
    signal = np.arange(1.0, 7.0).reshape(2, 3, 1)

    course, edges = session_course(signal, np.array([1.0, 4.0]), np.array([3, 2]), 0.1)

    assert len(edges) == len(course) + 1
    assert (np.diff(edges) > 0).all()

    def at(time):
        return course[np.searchsorted(edges, time, side="right") - 1, 0]

    assert [at(time) for time in (0.5, 1.05, 1.15, 1.25, 3.9, 4.05, 4.15)] == [0, 1, 2, 3, 0, 4, 5]
    # the second trial was stopped after two steps, and returns to rest from there with a time constant of 0.1 s
    np.testing.assert_allclose([at(4.21), at(4.25), at(4.59)], 5 * np.exp([-0.1, -0.5, -3.9]))
    assert at(4.61) == 0
