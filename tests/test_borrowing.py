"""A borrowed model is run as a stand-in: with its weights, and without a trace on it."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from torch import nn

from xai_widgets.borrowing import Loans, own_copy, stand_in, unwrapped
from xai_widgets.errors import PictureError

PICTURES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def mixed():
    """A model whose flags differ from module to module and from parameter to parameter."""
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Sequential(nn.ReLU(inplace=True))
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 3))
    model(PICTURES)  # so that the batch norm has seen something
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def state(model):
    flags = [(m.training, sorted(vars(m)), len(m._forward_hooks)) for m in model.modules()]
    return flags, [p.requires_grad for p in model.parameters()], [t.tolist() for t in model.state_dict().values()]


class Whole(nn.Module):
    """A network in which the parts are held in every way that a module can hold them."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.tied = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), nn.Linear(4, 3)
        self.tied.weight = self.head.weight
        self.stages = [self.conv]
        self.named = {"act": nn.ReLU(), "parent": (self,)}
        self.bound, self.given = self.conv.forward, partial(self.conv.forward)
        conv = self.conv
        self.closed = lambda x: conv(x)  # noqa: PLW0108  (a closure is what is tested)
        self.scale = torch.tensor(2.0)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.calls, self.last, self.log = 0, None, []

    def forward(self, x):
        self.seen += len(x)
        self.scale.mul_(1.5)
        self.calls, self.last = self.calls + 1, x
        self.log.append(x)
        maps = sum((self.stages[0](x), self.bound(x), self.given(x), self.closed(x)))
        maps = self.named["parent"][0].named["act"](maps)
        return self.tied(self.head(maps.mean((2, 3))) @ self.head.weight) * self.scale


def test_it_says_what_the_model_says_in_evaluation_mode():
    model = mixed()
    found = stand_in(model)(PICTURES)
    assert torch.equal(found, model.eval()(PICTURES))
    assert not found.requires_grad


def test_nothing_happens_to_the_model():
    model = mixed().train()
    before = state(model)
    network = stand_in(model)
    network[0].register_forward_hook(lambda *_: None)
    network(PICTURES)
    network.train()(PICTURES)
    assert state(model) == before


def test_weights_are_shared_and_buffers_are_not():
    model = mixed()
    network = stand_in(model)
    assert all(a.data_ptr() == b.data_ptr() for a, b in zip(model.parameters(), network.parameters(), strict=True))
    assert not any(a.data_ptr() == b.data_ptr() for a, b in zip(model.buffers(), network.buffers(), strict=True))
    with torch.no_grad():
        model[0].weight.add_(1)
    assert torch.equal(network[0].weight, model[0].weight)


def test_parts_are_found_wherever_a_module_holds_them():
    model = Whole()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = stand_in(model)
    own = set(model.modules())
    assert network.stages[0] is network.conv is network.bound.__self__ is network.given.func.__self__
    assert network.closed.__closure__[0].cell_contents is network.conv
    assert network.named["parent"][0] is network
    assert network.tied.weight is network.head.weight
    assert not own.intersection(network.modules())
    leaf = PICTURES.clone().requires_grad_()
    network(leaf).sum().backward()
    assert leaf.grad.abs().sum() > 0
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert (model.calls, model.last, model.log, float(model.scale)) == (0, None, [], 2.0)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(stand_in(model)(PICTURES), model(PICTURES))


def test_recurrent_weights_are_those_of_the_stand_in():
    model = nn.LSTM(3, 4)
    network = stand_in(model)
    assert all(a is b for a, b in zip(network._flat_weights, network.parameters(), strict=True))
    assert torch.equal(network(PICTURES[0, 0, :4, :3])[0], model(PICTURES[0, 0, :4, :3])[0])


def test_spectral_norms_are_not_counted_on():
    for norm in (nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm):
        model = norm(nn.Linear(8, 3)).train()
        before = [value.clone() for value in model.state_dict().values()]
        stand_in(model)(PICTURES)
        assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))


def test_compiled_and_parallel_models_are_unwrapped():
    inner = mixed()
    for outer in (nn.DataParallel(inner), torch.compile(inner), torch.compile(nn.DataParallel(inner))):
        assert unwrapped(outer) is inner
        assert [name for name, _ in stand_in(outer).named_modules()] == [name for name, _ in inner.named_modules()]
    part = nn.Sequential(torch.compile(nn.Sequential(nn.Flatten())), nn.Linear(192, 3))
    assert [name for name, _ in stand_in(part).named_modules()] == ["", "0", "0.0", "1"]
    assert torch.equal(stand_in(part)(PICTURES), nn.Sequential(nn.Flatten(), part[1])(PICTURES))


def test_module_compile_is_left_out():
    model = mixed()
    model.compile(backend="eager")
    assert stand_in(model)._compiled_call_impl is None
    assert torch.equal(stand_in(model)(PICTURES), model.eval().forward(PICTURES))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:FutureWarning", "ignore:`torch.jit.trace:DeprecationWarning")
def test_traced_graphs_and_scripts_have_stand_ins():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 3))
    for made in (torch.fx.symbolic_trace(model), torch.export.export(model, (PICTURES,)).module()):
        assert torch.allclose(stand_in(made)(PICTURES), model(PICTURES))
    traced = torch.jit.trace(model.train(), PICTURES)
    assert torch.allclose(stand_in(traced)(PICTURES), model(PICTURES))
    assert traced.training
    assert all(parameter.requires_grad for parameter in traced.parameters())


def test_a_lazy_model_is_refused_with_what_to_do():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(PictureError, match="call the model once on a batch of pictures"):
        stand_in(model)
    model(PICTURES)
    assert torch.equal(stand_in(model)(PICTURES), model(PICTURES))


def test_a_model_of_the_inference_mode_gives_gradients():
    with torch.inference_mode():
        model = mixed()
    leaf = PICTURES.clone().requires_grad_()
    stand_in(model)(leaf).sum().backward()
    assert leaf.grad.abs().sum() > 0
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True, True, True]


def test_a_model_that_cannot_be_copied_has_a_stand_in():
    class Busy(nn.Linear):
        def __deepcopy__(self, _):
            raise RuntimeError("never")

    model = Busy(8, 3)
    model.lock = threading.Lock()
    assert torch.equal(stand_in(model)(PICTURES), model(PICTURES))


def test_an_own_copy_can_be_trained():
    model = mixed()
    before = state(model)
    copied = own_copy(model)
    copied.train()(PICTURES).sum().backward()
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1)
    assert state(model) == before


def test_a_function_that_calls_itself_is_copied_once():
    def outer(count):
        return 0 if count == 0 else 1 + outer(count - 1)

    model = nn.Identity()
    model.count = outer
    assert stand_in(model).count(5) == 5


# --- loans ------------------------------------------------------------------------------------------------------------


def test_nested_loans_share_a_stand_in_and_later_ones_do_not():
    loans, model = Loans(), mixed()
    with loans.borrowed(model):
        first = loans.network
        with loans.borrowed(model):
            assert loans.network is first
        assert loans.network is first
    assert loans.network is None
    model.append(nn.Identity())
    with loans.borrowed(model):
        assert len(loans.network) == len(model)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_loan_ends_with_an_error(error):
    loans = Loans()
    with pytest.raises(error), loans.borrowed(mixed()):
        raise error
    assert loans.network is None


def test_each_thread_has_its_own_stand_in():
    loans, model, found = Loans(), mixed(), []
    with loans.borrowed(model):
        thread = threading.Thread(target=lambda: found.append(loans.network))
        thread.start()
        thread.join()
    assert found == [None]


def test_a_model_can_be_trained_while_it_is_lent():
    loans, model = Loans(), mixed().train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    leaf = PICTURES.clone().requires_grad_()
    with loans.borrowed(model):
        found = loans.network(leaf)
        model(PICTURES).sum().backward()
        optimizer.step()
        model[3].eval()
        model[5].weight.requires_grad_(False)
        found.sum().backward()
    assert [module.training for module in model] == [True, True, True, False, True, True]
    assert not model[5].weight.requires_grad
