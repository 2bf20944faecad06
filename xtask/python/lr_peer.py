"""SS-LR at an SPU party, operation by operation as the reference computes it.

Two things about programs for SPU matter to a peer that draws the same random numbers: the column of ones and the
zero in the bias's place are public *inputs* (the compiler would replace constants by something else), and
0.5 + 0.125 z is written out (JAX's logistic function is compiled to exponentials, whatever the configuration
says).
"""

import engine
import handshake
import jax.numpy as jnp
import numpy as np
import peer
import spu.experimental


def step_size(learning_rate, batch, fraction_bits):
    """learning_rate / batch in fixed point, the product rounded to nearest as all public products are."""
    scale = np.float32(2.0**fraction_bits)
    product = int(np.float32(learning_rate) * scale) * int(np.float32(1) / np.float32(batch) * scale)
    rounded = (product >> fraction_bits) + (product >> (fraction_bits - 1) & 1)
    exact = np.float32(rounded / 2.0**fraction_bits)
    assert int(exact * scale) == rounded, "the step size is no single-precision number"
    return exact


class Training:
    def __init__(self, spu, s, agreed):
        self.spu, self.s, self.agreed = spu, s, agreed
        self.width, batch = sum(agreed["features"]), agreed["batch"]
        self.step = step_size(agreed["learning_rate"], batch, agreed["fraction_bits"])
        self.batches = len(s["features"]) // batch
        w, ones, zero = np.zeros((self.width + 1, 1)), np.ones((batch, 1)), np.zeros((1, 1))
        for name, value in ("w0", w), ("ones", ones), ("zero", zero):
            spu.put_public(name, value)
        features, labels = self.own_columns()
        for place in range(self.batches):
            rows = slice(place * batch, (place + 1) * batch)
            spu.put_share(f"x{place}", features[rows])
            spu.put_share(f"y{place}", labels[rows])
        # Only shapes and types of the examples matter.
        self.x, self.y, self.w, self.ones, self.zero = (
            np.asarray(example, np.float32) for example in (features[:batch], labels[:batch], w, ones, zero))

    def own_columns(self):
        """The whole table's shape, zero where the other party's columns are."""
        rank, counts = self.s["rank"], self.agreed["features"]
        features = np.zeros((len(self.s["features"]), self.width), np.float32)
        start = sum(counts[:rank])
        features[:, start:start + counts[rank]] = self.s["features"]
        labels = np.zeros((len(features), 1), np.float32)
        if self.agreed["label_rank"] == rank:
            labels[:, 0] = self.s["labels"]
        return features, labels

    def gradient(self, x, y, w, ones):
        x = jnp.concatenate([x, ones], 1)
        prediction = jnp.float32(0.5) + jnp.float32(0.125) * jnp.matmul(x, w)
        return jnp.matmul(x.T, prediction - y)

    def descend(self, gradient, w, without_bias):
        if self.agreed["l2"]:
            gradient = gradient + jnp.float32(self.agreed["l2"]) * without_bias
        return w - self.step * gradient

    def whole_step(self, x, y, w, ones, zero):
        gradient = self.gradient(x, y, w, ones)
        return self.descend(gradient, w, jnp.concatenate([w[:-1], zero], 0))

    def first_step(self):
        """From w = 0, which is public: the first product costs nothing."""
        S, P = engine.SECRET, engine.PUBLIC
        if self.s["draws"] == "ones-only" or not self.agreed["l2"]:
            self.spu.run(self.plain_first_step())
            return
        # The reference seals the zero and then the public weights here, one after the other.
        spu = self.spu
        spu.run(spu.compile(self.gradient, (self.x, self.y, self.w, self.ones), ["x0", "y0", "w0", "ones"],
                            [S, S, P, P], "gradient"))
        spu.put_share("any", np.zeros((1, 1)))
        spu.run(spu.compile(lambda any, zero: jnp.concatenate([any, zero], 0), (self.zero, self.zero), ["any", "zero"],
                            [S, P], "sealed"))
        two = np.zeros((2, 1), np.float32)
        spu.run(spu.compile(
            lambda gradient, w, sealed: self.descend(gradient, w, jnp.concatenate([w[:-1], sealed[1:]], 0)),
            (self.w, self.w, two), ["gradient", "w0", "sealed"], [S, P, S], "w"))

    def plain_first_step(self):
        S, P = engine.SECRET, engine.PUBLIC
        return self.spu.compile(
            self.whole_step, (self.x, self.y, self.w, self.ones, self.zero), ["x0", "y0", "w0", "ones", "zero"],
            [S, S, P, P, P], "w")

    def later_steps(self):
        """The program of every batch, for secret weights."""
        S, P = engine.SECRET, engine.PUBLIC
        step = self.spu.compile(self.whole_step, (self.x, self.y, self.w, self.ones, self.zero),
                                ["x", "y", "w", "ones", "zero"], [S, S, S, P, P], "w")
        return [self.spu.renamed(step, [f"x{place}", f"y{place}", "w", "ones", "zero"], "w")
                for place in range(self.batches)]

    def run(self):
        steps = self.later_steps()
        for epoch in range(self.agreed["epochs"]):
            for place in range(self.batches):
                if epoch == place == 0:
                    self.first_step()
                else:
                    self.spu.run(steps[place])
                if epoch * self.batches + place == 1:
                    peer.tell(at="middle")

    def reveal(self):
        self.spu.run(self.spu.compile(
            lambda w: spu.experimental.reveal(w), (self.w,), ["w"], [engine.SECRET], "revealed"))
        return self.spu.revealed("revealed").ravel().tolist()


def play(s):
    link = peer.connect(s)
    agreed = handshake.agree(link, s)
    dealer, options = {**agreed["dealer"], "key": ""}, {}
    if s["dealer_key"]:
        with open(s["dealer_key"]) as file:
            dealer["key"] = file.read()
    else:
        options["beaver_type"] = "TrustedFirstParty"
    spu_engine = engine.Engine(link, s["bits"], agreed["fraction_bits"], dealer, **options)
    training = Training(spu_engine, s, agreed)
    training.run()
    if s["reveal"]:
        report = {"weights": training.reveal()}
    else:
        report = {"half": training.spu.own_share("w").hex()}
    link.stop_link()
    return report


if __name__ == "__main__":
    peer.main(play)
