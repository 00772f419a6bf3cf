"""The low-tensor-rank RNN: kernels, factors, inputs, dynamics, readout, likelihoods, and the network of them."""
