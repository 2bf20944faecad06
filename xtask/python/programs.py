"""Programs between two SPU parties that between them use every operation of the dealer that two parties can reach.

x is rank 0's, y rank 1's. Each result is opened and held against numpy's.
"""

import engine
import jax
import jax.numpy as jnp
import numpy as np
import peer
import spu.experimental

X = np.array([[1.5, -2.25, 0.5, 3.0], [-0.75, 0.125, 2.0, -1.0], [0.0, 1.0, -3.5, 2.5]], np.float32)
Y = np.array([[-1.0, 2.0, 0.5, 3.5], [0.25, -0.5, 2.0, 1.0], [0.75, -1.0, 1.5, -2.0]], np.float32)



def kept_mask(x, y):
    """Two products with x under one mask: SPU opens x - a once, and asks the dealer again with the counter of a."""
    x = spu.experimental.make_cached_var(x)
    first, second = jnp.matmul(x, y.T), jnp.matmul(x, (y + y).T)
    x = spu.experimental.drop_cached_var(x, first, second)
    return first + second + 0 * jnp.sum(x)


def kept_mask_transposed(x, y):
    """x, then its transpose, under one mask: what training does with a batch."""
    x = spu.experimental.make_cached_var(x)
    first = jnp.matmul(x, y.T)
    # Without the second call the compiler folds the transposition into the product, and the copy that this makes has
    # no mask yet.
    second = jnp.matmul(spu.experimental.make_cached_var(jnp.transpose(x)), first)
    x = spu.experimental.drop_cached_var(x, first, second)
    return second + 0 * jnp.sum(x)


# Name: the program, and the same in numpy.
PROGRAMS = {
    "matrix-product": (lambda x, y: jnp.matmul(x, y.T), lambda x, y: x @ y.T),
    "product": (lambda x, y: x * y, lambda x, y: x * y),
    "kept-mask": (kept_mask, lambda x, y: 3 * (x @ y.T)),
    "kept-mask-transposed": (kept_mask_transposed, lambda x, y: x.T @ (x @ y.T)),
    "square": (lambda x, y: jnp.square(x) + y, lambda x, y: x * x + y),
    "comparison": (lambda x, y: jnp.where(x < y, x, y), np.minimum),
    "equality": (lambda x, y: (x == y).astype(jnp.float32), lambda x, y: (x == y).astype(np.float32)),
    "maximum-of-rows": (lambda x, y: jnp.max(x + y, axis=1), lambda x, y: np.max(x + y, axis=1)),
    "sorted": (lambda x, y: jnp.sort((x + y).ravel()), lambda x, y: np.sort((x + y).ravel())),
    "logistic": (lambda x, y: jax.nn.sigmoid(x * y), lambda x, y: 1 / (1 + np.exp(-x * y))),
}


def play(s):
    link = peer.connect(s)
    with open(s["dealer_key"]) as file:
        dealer = {"host": s["dealer"], "adjust_rank": s["adjust_rank"], "key": file.read()}
    if s.get("dealer_tls"):
        dealer["tls"] = {
            "certificate": s["dealer_tls"]["certificates"][link.rank],
            "private_key": s["dealer_tls"]["keys"][link.rank],
            "ca_file_path": s["dealer_tls"]["authority"],
            "verify_depth": 1,
        }
    spu_engine = engine.Engine(
        link, s["bits"], s["fraction_bits"], dealer, trunc_allow_msb_error=not s["precise"],
        experimental_disable_vectorization=not s["vectorized"])
    spu_engine.put_share("x", X if link.rank == 0 else 0 * X)
    spu_engine.put_share("y", Y if link.rank == 1 else 0 * Y)
    apart = {}
    for name in s["programs"]:
        program, plain = PROGRAMS[name]
        spu_engine.run(spu_engine.compile(
            lambda x, y: spu.experimental.reveal(program(x, y)), (X, Y), ["x", "y"],
            [engine.SECRET, engine.SECRET], name))
        apart[name] = float(np.abs(np.asarray(spu_engine.revealed(name)) - plain(X, Y)).max())
    link.stop_link()
    return {"apart": apart}


peer.main(play)
