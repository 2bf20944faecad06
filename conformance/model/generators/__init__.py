"""The generators of the model's vectors: each function gives files, by their names under vectors/."""

from .arithmetic import corrections, fixed_point, operations, prg
from .handshakes import handshakes, requests
from .intersection import points, psi_exchanges, suites
from .links import links
from .runs import intersections, trainings

ALL = (prg, fixed_point, operations, corrections, handshakes, requests, links, suites, points, psi_exchanges,
       trainings, intersections)
